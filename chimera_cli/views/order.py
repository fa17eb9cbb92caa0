"""Operators' orders as a table."""

from collections.abc import Sequence

from chimera_cli.models.order import Order
from chimera_cli.views.shown import Cell, Column, Grid, moment
from chimera_cli.views.theme import WAITING

_ORDERS = (
    Column("subject", whole=True),
    Column("order", whole=True),
    Column("by"),
    Column("at", whole=True, spare=2),
    Column("carried out", whole=True),
    Column("reason", spare=1),
    Column("note"),
)


def orders_grid(orders: Sequence[Order], title: str = "", mark: str = "") -> Grid:
    """List orders: about what, by whom, when, and whether they were carried out."""
    rows = [
        (
            order.task_id or order.goal_id,
            order.action,
            order.operator,
            moment(order.at),
            moment(order.done_at) if order.done_at else Cell("not yet", WAITING),
            order.reason or "-",
            order.note or "-",
        )
        for order in orders
    ]
    return Grid(title, _ORDERS, rows, empty="nothing was ordered", mark=mark)
