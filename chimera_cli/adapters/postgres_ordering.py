"""What orders about goals and about tasks have in common: the row that keeps one, and the words that refuse one."""

from collections.abc import Iterable
from datetime import datetime

from pydantic_core import to_json
from sqlalchemy.ext.asyncio import AsyncConnection

from chimera_cli.adapters import order_sql
from chimera_cli.adapters import postgres_sql as sql
from chimera_cli.adapters.postgres_batches import rows_of
from chimera_cli.adapters.row import plain
from chimera_cli.models.order import Order, OrderAction


async def keep(
    connection: AsyncConnection,
    action: OrderAction,
    subjects: Iterable[tuple[str, str]],
    *,
    operator: str,
    reason: str,
) -> tuple[Order, ...]:
    """Store an order about each subject, given as (goal id, task id or nothing). Their audit rows come last in the transaction."""
    now = (await connection.execute(sql.NOW)).scalar_one()
    said: dict[str, object] = {
        "at": now,
        "action": action.value,
        "operator": plain(operator),
        "reason": plain(reason),
    }
    rows: list[dict[str, object]] = [{**said, "goal_id": goal, "task_id": task} for goal, task in subjects]
    if not rows:
        return ()
    stored = await connection.execute(order_sql.INSERT_ORDERS, rows_of(map(to_json, rows)))
    return tuple(Order(**row) for row in sorted((dict(row._mapping) for row in stored), key=lambda row: row["seq"]))


def by_whom(status: str, operator: str | None, at: datetime | None) -> str:
    """Say a status with whoever brought it about."""
    return f"{status} by {operator}" + (f" since {at:%Y-%m-%dT%H:%M:%SZ}" if at else "")
