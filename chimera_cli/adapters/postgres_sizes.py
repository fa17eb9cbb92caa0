"""How much memory tasks take that are on their way into the queue: found out in Postgres, before any of it is read."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from chimera_cli.adapters.postgres_sql import array_of
from chimera_cli.models.identity import task_id

MOST_READ = 32_000_000
"""Characters of tasks, with all that the queue needs of them, that are read at once; of a single task it may be more."""
MOST_INPUT = 16_777_216
"""Characters of outputs that one task may be given; the queue's scripts know the same number."""

OWN = text("""
    SELECT id, goal_id, depends_on,
      octet_length(CAST(payload AS text)) + coalesce(octet_length(CAST(output AS text)), 0) AS size,
      CASE WHEN version = 0 THEN 0 ELSE (
        SELECT coalesce(sum(octet_length(CAST(data AS text))), 0) FROM events
        WHERE events.task_id = tasks.id AND name IN ('task.judging', 'task.held', 'task.approved')
      ) END AS past,
      CASE WHEN version = 0 THEN 0 ELSE (
        SELECT coalesce(sum(octet_length(CAST(value AS text))), 0) FROM state WHERE state.goal_id = tasks.goal_id
      ) END AS state
    FROM tasks WHERE id = ANY(CAST(:ids AS text[])) ORDER BY position
""")
OUTPUTS = text("""
    SELECT id, octet_length(CAST(output AS text)) AS size FROM tasks
    WHERE id = ANY(CAST(:ids AS text[])) AND status = 'COMPLETED' AND output IS NOT NULL
""")


@dataclass(frozen=True)
class Page:
    """Tasks that are read at once."""

    ids: Sequence[str]
    """The tasks."""
    oversized: Collection[str]
    """Those among them whose inputs are too much for one task, and are not read."""


async def first_page(connection: AsyncConnection, ids: Sequence[str]) -> Page:
    """Return the first of these tasks, in the order of submission: as many as fit together, one at least."""
    rows = (await connection.execute(OWN, {"ids": array_of(ids)})).all()
    needs = {row.id: {task_id(row.goal_id, key) for key in row.depends_on} for row in rows}
    outputs = await _outputs(connection, set().union(*needs.values()))
    oversized = {id for id, needed in needs.items() if sum(outputs.get(one, 0) for one in needed) > MOST_INPUT}
    page: list[str] = []
    seen: set[str] = set()
    total = 0
    for row in rows:
        new = (needs[row.id] if row.id not in oversized else set()) | {row.goal_id}
        known: Mapping[str, int] = {**outputs, row.goal_id: row.state}
        total += row.size + row.past + sum(known.get(one, 0) for one in new - seen)
        if page and total > MOST_READ:
            break
        page.append(row.id)
        seen |= new
    return Page(page, oversized)


async def _outputs(connection: AsyncConnection, ids: Collection[str]) -> dict[str, int]:
    if not ids:
        return {}
    return {row.id: row.size for row in await connection.execute(OUTPUTS, {"ids": array_of(sorted(ids))})}
