"""The end of the audit's chain: where a row is appended, and nowhere else."""

from sqlalchemy.ext.asyncio import AsyncConnection

from chimera_cli.adapters import postgres_sql as sql
from chimera_cli.adapters.row import plain
from chimera_cli.models.audit import GENESIS, AuditEntry, AuditEvent, chain


async def append(
    connection: AsyncConnection, action: str, *, card_id: str, task_id: str, digest: str, operator: str, reason: str
) -> AuditEvent:
    """Append a row within the connection's transaction; others wait with theirs until it ends.

    The lock comes before the clock is read, so that times never run backwards along the chain. Call it last in a transaction.
    """
    await connection.execute(sql.LOCK, {"lock": sql.AUDIT_LOCK})
    last = (await connection.execute(sql.LAST_AUDIT)).one_or_none()
    entry = AuditEntry(
        at=(await connection.execute(sql.NOW)).scalar_one(),
        operator=plain(operator),
        action=action,
        card_id=card_id,
        task_id=task_id,
        digest=plain(digest),
        reason=plain(reason),
    )
    event = chain(entry, last.seq + 1 if last else 1, last.hash if last else GENESIS)
    await connection.execute(sql.INSERT_AUDIT, event.model_dump())
    return event
