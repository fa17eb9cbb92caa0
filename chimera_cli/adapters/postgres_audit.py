"""The end of the audit's chain: where a row is appended, and nowhere else."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from chimera_cli.adapters import postgres_sql as sql
from chimera_cli.adapters.row import plain
from chimera_cli.models.audit import GENESIS, AuditEntry, AuditEvent, chain
from chimera_cli.models.order import Order


async def append(
    connection: AsyncConnection, action: str, *, card_id: str, task_id: str, digest: str, operator: str, reason: str
) -> AuditEvent:
    """Append a row within the connection's transaction; others wait with theirs until it ends.

    The lock comes before the clock is read, so that times never run backwards along the chain. Call it last in a transaction.
    """
    said = {"operator": plain(operator), "action": action, "card_id": card_id, "task_id": task_id}
    (event,) = await _append(connection, [{**said, "digest": plain(digest), "reason": plain(reason)}])
    return event


async def append_orders(connection: AsyncConnection, orders: Sequence[Order]) -> None:
    """Append a row for each order, as `append` does."""
    await _append(
        connection,
        [
            {
                "operator": order.operator,
                "action": order.action.value,
                "card_id": "",
                "task_id": order.task_id,
                "digest": "",
                "reason": order.reason,
                "goal_id": order.goal_id,
            }
            for order in orders
        ],
    )


async def _append(connection: AsyncConnection, said: Sequence[dict[str, str]]) -> list[AuditEvent]:
    if not said:
        return []
    await connection.execute(sql.LOCK, {"lock": sql.AUDIT_LOCK})
    last = (await connection.execute(sql.LAST_AUDIT)).one_or_none()
    now = (await connection.execute(sql.NOW)).scalar_one()
    seq, prev = (last.seq, last.hash) if last else (0, GENESIS)
    events: list[AuditEvent] = []
    for number, row in enumerate(said, seq + 1):
        events.append(chain(AuditEntry(at=now, **row), number, events[-1].hash if events else prev))
    await connection.execute(sql.INSERT_AUDIT, [event.model_dump() for event in events])
    return events
