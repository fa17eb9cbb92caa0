"""Orders into the record: the row that keeps one and its row in the audit, within one transaction."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from chimera_cli.adapters import order_sql, postgres_audit
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
    """Store an order about each subject, given as (goal id, task id or nothing). Their audit comes with `audit`."""
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
    stored = await connection.execute(order_sql.INSERT_ORDERS, rows_of(list(rows)))
    return tuple(Order(**row) for row in sorted((dict(row._mapping) for row in stored), key=lambda row: row["seq"]))


async def audit(connection: AsyncConnection, orders: Sequence[Order]) -> None:
    """Append a row for each order to the audit. Call it last in a transaction."""
    await postgres_audit.append_orders(connection, orders)


def by_whom(status: str, operator: str | None, at: datetime | None) -> str:
    """Say a status with whoever brought it about."""
    return f"{status} by {operator}" + (f" since {at:%Y-%m-%dT%H:%M:%SZ}" if at else "")
