"""Operators' orders as they are stored, and the way to nouns."""

from datetime import datetime

from sqlalchemy import ForeignKey, Identity, Index, text

from chimera_cli.adapters.row import Row, id_column, number_column, text_column, time_column
from chimera_cli.models.order import Order, OrderAction


class OrderRow(Row, table=True):
    """One order about a goal or a task."""

    __tablename__ = "orders"
    __table_args__ = (
        Index("orders_by_goal", "goal_id", "task_id", "seq"),
        Index("orders_open", "seq", postgresql_where=text("done_at IS NULL")),
    )

    seq: int = number_column(Identity(), primary_key=True)
    """Order in which they were given; with gaps."""
    at: datetime = time_column()
    """When, by the clock of the database."""
    action: str = text_column()
    """An OrderAction."""
    goal_id: str = id_column(ForeignKey("goals.id"))
    """The goal."""
    task_id: str = id_column()
    """The task; empty for the goal as a whole."""
    operator: str = text_column()
    """Who."""
    reason: str = text_column()
    """The operator's words."""
    done_at: datetime | None = time_column(nullable=True)
    """When it was carried out; NULL before."""
    note: str = text_column(server_default="")
    """What the operator should know of that."""

    def noun(self, life: int = 0) -> Order:
        """Return the order, which means that life of its task."""
        return Order(**{**self.model_dump(), "action": OrderAction(self.action), "life": life})
