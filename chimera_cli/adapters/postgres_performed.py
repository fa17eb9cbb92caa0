"""Effects in the record with the approvals of their tasks.

JSON is fetched whole: Postgres refuses to look into an object that holds U+0000 anywhere.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from chimera_cli.adapters.row import LIVE
from chimera_cli.models.performed import Approval, Performed, Trace
from chimera_cli.models.release import Seal

EFFECTS = {
    Trace.EVENT: text("""
        SELECT events.seq, events.task_id, coalesce(tasks.kind, '') AS kind, events.data
        FROM events LEFT JOIN tasks ON tasks.id = events.task_id
        WHERE events.name = 'task.completed' AND events.phase = 'execute'
          AND events.seq > greatest(:after, (SELECT event FROM signed_since))
        ORDER BY events.seq LIMIT :limit
    """),
    Trace.POST: text(f"""
        SELECT posts.seq, tasks.id AS task_id, tasks.kind, NULL AS data
        FROM posts JOIN tasks ON tasks.id = split_part(posts.idempotency_key, ':', 1)
        WHERE split_part(posts.idempotency_key, ':', 2) = 'execute' AND NOT ({LIVE})
          AND posts.seq > greatest(:after, (SELECT post FROM signed_since))
        ORDER BY posts.seq LIMIT :limit
    """),  # nosec B608 # a constant
}
"""The next effects that releases with signatures made. Of a live task the events may still be on their way."""
APPROVALS = text("""
    SELECT task_id, judgement, seal, NULL AS data FROM cards
    WHERE task_id = ANY(CAST(:ids AS text[])) AND status = 'APPROVED' AND seal IS NOT NULL
    UNION ALL
    SELECT task_id, NULL, NULL, data FROM events
    WHERE task_id = ANY(CAST(:ids AS text[])) AND name = 'task.approved'
""")
"""Decisions of people, and what the gate let pass."""


async def performed(connection: AsyncConnection, trace: Trace, after: int, limit: int) -> list[Performed]:
    """List the next effects that left such a trace, in order."""
    rows = (await connection.execute(EFFECTS[trace], {"after": after, "limit": limit})).all()
    approvals = await _approvals(connection, {row.task_id for row in rows}) if rows else {}
    return [
        Performed(
            seq=row.seq,
            task_id=row.task_id,
            kind=row.kind,
            digest=_digest(row.data),
            approvals=tuple(approvals.get(row.task_id, ())),
        )
        for row in rows
    ]


async def _approvals(connection: AsyncConnection, task_ids: Iterable[str]) -> Mapping[str, Sequence[Approval]]:
    found: defaultdict[str, list[Approval]] = defaultdict(list)
    for row in await connection.execute(APPROVALS, {"ids": list(task_ids)}):
        if approval := _approval(row):
            found[row.task_id].append(approval)
    return found


def _approval(row: Any) -> Approval | None:
    """Read an approval from its card or its event; None when nothing readable vouches for it."""
    told = row.data if isinstance(row.data, dict) else {"judgement": row.judgement, "seal": row.seal}
    try:
        return Approval(digest=_digest(told.get("judgement")), seal=Seal.model_validate(told.get("seal")))
    except ValidationError:
        return None


def _digest(told: object) -> str:
    digest = told.get("digest") if isinstance(told, dict) else None
    return digest if isinstance(digest, str) else ""
