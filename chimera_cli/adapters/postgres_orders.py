"""Operators' orders on Postgres: OrdersPort."""

from collections.abc import Sequence

from sqlalchemy import ScalarSelect, func, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from chimera_cli.adapters import order_sql
from chimera_cli.adapters import postgres_goal_orders as goal_orders
from chimera_cli.adapters import postgres_task_orders as task_orders
from chimera_cli.adapters import postgres_turns as turns
from chimera_cli.adapters.order_rows import OrderRow
from chimera_cli.adapters.postgres_epochs import hold as hold_epochs
from chimera_cli.adapters.postgres_errors import postgres_errors
from chimera_cli.adapters.postgres_reads import reading
from chimera_cli.adapters.row import LIVE, plain
from chimera_cli.adapters.rows import TaskRow
from chimera_cli.models.epoch import NO_EPOCHS, Epochs
from chimera_cli.models.order import Order, OrderAction
from chimera_cli.ports.orders import Ordered

AT_ONCE = 500
"""Tasks in one transaction: others wait for the record's lock meanwhile."""


class PostgresOrders:
    """Orders with their audit. The engine belongs to whoever made it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def order_tasks(
        self, action: OrderAction, task_ids: Sequence[str], operator: str, reason: str = ""
    ) -> Ordered:
        """Order to cancel or to retry tasks, each with its audit row; unknown ids are passed over."""
        give = task_orders.cancel if action is OrderAction.CANCEL else task_orders.retry
        ids = list(dict.fromkeys(task_ids))
        result = Ordered()
        for start in range(0, len(ids), AT_ONCE):
            with postgres_errors():
                async with self._engine.begin() as connection:
                    await turns.hold(connection)
                    more = await give(connection, ids[start : start + AT_ONCE], operator, reason)
            result = Ordered(result.given + more.given, result.refused + more.refused)
        return result

    async def order_goals(
        self, action: OrderAction, goal_ids: Sequence[str], operator: str, reason: str = ""
    ) -> Ordered:
        """Order to pause, resume or cancel goals, each with its audit row; unknown ids are passed over."""
        with postgres_errors():
            async with self._engine.begin() as connection:
                await turns.hold(connection)
                ids = sorted(set(goal_ids))
                return await goal_orders.order(connection, action, ids, operator=operator, reason=reason)

    async def dependents(self, task_ids: Sequence[str]) -> list[str]:
        """List the cancelled tasks, in the order of submission, that could run again if these ones did."""
        with postgres_errors():
            async with self._engine.connect() as connection:
                return await task_orders.dependents(connection, task_ids)

    async def open(self, after: int = 0, limit: int = 100) -> list[Order]:
        """List orders that are not carried out yet and have a higher number, in order; a retry is never among them."""
        # In one statement with the order, for a retry may come between two.
        asked = select(OrderRow, _life()).where(col(OrderRow.done_at).is_(None), OrderRow.seq > after)
        asked = asked.where(OrderRow.action != OrderAction.RETRY.value)
        async with reading(self._engine) as session:
            rows = await session.exec(asked.order_by(col(OrderRow.seq)).limit(limit))
            return [row.noun(life) for row, life in rows]

    async def close(self, seqs: Sequence[int], note: str = "", *, epochs: Epochs = NO_EPOCHS) -> None:
        """Note that orders were carried out, and what the operator should know of it; harmless when repeated.

        Raises:
            StaleEpoch: They were carried out in a Redis that was replaced since.
        """
        if not seqs:
            return
        with postgres_errors():
            async with self._engine.begin() as connection:
                await hold_epochs(connection, epochs)
                await connection.execute(order_sql.CLOSE_ORDERS, {"seqs": list(seqs), "note": plain(note)})

    async def live(self, goal_id: str, after: int = 0, limit: int = 500) -> tuple[list[str], int]:
        """List tasks of a goal that are in the queue and have not ended, and the place up to which was looked (0: the end)."""
        asked = select(TaskRow.id, TaskRow.position).where(TaskRow.goal_id == goal_id, text(LIVE))
        asked = asked.where(col(TaskRow.dispatched_at).is_not(None), TaskRow.position > after)
        async with reading(self._engine) as session:
            rows = (await session.exec(asked.order_by(col(TaskRow.position)).limit(limit))).all()
        return [id for id, _ in rows], rows[-1][1] if len(rows) == limit else 0

    async def orders(self, *, goal_id: str, task_id: str = "") -> list[Order]:
        """List the orders about a goal as a whole, or about one of its tasks, oldest first."""
        asked = select(OrderRow).where(OrderRow.goal_id == goal_id, OrderRow.task_id == task_id)
        async with reading(self._engine) as session:
            return [row.noun() for row in await session.exec(asked.order_by(col(OrderRow.seq)))]

    async def kept(self, seqs: Sequence[int]) -> list[Order]:
        """Return orders by their numbers, in order."""
        asked = select(OrderRow).where(col(OrderRow.seq).in_(seqs)).order_by(col(OrderRow.seq))
        async with reading(self._engine) as session:
            return [row.noun() for row in await session.exec(asked)]


def _life() -> ScalarSelect[int]:
    """The number of the order by which the task had been put back last when an order about it was given; 0 for its first life."""
    retry = aliased(OrderRow)
    asked = select(func.coalesce(func.max(retry.seq), 0)).where(retry.action == OrderAction.RETRY.value)
    same = retry.goal_id == OrderRow.goal_id, retry.task_id == OrderRow.task_id, retry.seq < OrderRow.seq
    return asked.where(*same).correlate(OrderRow).scalar_subquery()
