"""The sweep's walk through the record: one cursor for the whole fleet, and pages of live tasks in the order of submission."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from chimera_cli.adapters import postgres_sql as sql
from chimera_cli.adapters.postgres_errors import postgres_errors
from chimera_cli.adapters.row import LIVE
from chimera_cli.models.identity import task_id
from chimera_cli.models.standing import StillTask, StillTasks
from chimera_cli.models.task import TaskStatus

PAGE = 250
"""Live tasks of one page: some 2 ms of the Redis server's time when all of them are still."""
PACE = timedelta(seconds=0.5)
"""Least time between two pages: 500 tasks a second, 10,000 in 20 s, a million in 34 minutes."""
REST = timedelta(seconds=5)
"""Time between two rounds."""
MOST_DEPENDENCIES = 5000
"""Dependencies looked at for one page, of one task at least."""

TAKE = text("""
    UPDATE sweeps SET due_at = clock_timestamp() + make_interval(secs => :pace_s) WHERE due_at <= clock_timestamp()
    RETURNING position
""")
"""Take the next page, unless another process has just done so."""
READ = text(f"""
    SELECT id, goal_id, version, status, position, CASE status WHEN 'PENDING' THEN depends_on END AS depends_on,
           updated_at < clock_timestamp() - make_interval(secs => :still_s) AS still
    FROM tasks WHERE {LIVE} AND dispatched_at IS NOT NULL AND position > :position ORDER BY position LIMIT {PAGE}
""")  # nosec B608 # constants of ours
"""The next live tasks of the queue, those that have moved of late included, so that a page costs the same whatever moves."""
AGAIN = text(f"""
    SELECT id, goal_id, version, status, position, CASE status WHEN 'PENDING' THEN depends_on END AS depends_on
    FROM tasks WHERE {LIVE} AND dispatched_at IS NOT NULL AND id = ANY(CAST(:ids AS text[])) ORDER BY position
""")  # nosec B608 # constants of ours
"""The same tasks as they are now."""
STATES = text(
    "SELECT goal_id, count(*) AS known FROM state WHERE goal_id = ANY(CAST(:goals AS text[])) GROUP BY goal_id"
)
"""How many state keys goals have."""
MOVE_ON = text("UPDATE sweeps SET position = :position")
"""Remember where the next page begins."""
NEXT_ROUND = text("""
    UPDATE sweeps SET position = -1, due_at = clock_timestamp() + make_interval(secs => :rest_s), stuck = missed, missed = 0
""").bindparams(bindparam("rest_s", REST.total_seconds()))
"""Begin again, after a rest."""
MISS = text("UPDATE sweeps SET missed = missed + :count, stuck = greatest(stuck, missed + :count)")
"""Count tasks that could not be put back."""


class PostgresSweep:
    """Implements SweepPort."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def next_page(self, *, still_for: timedelta) -> StillTasks | None:
        """Return the still tasks of the next page; None when no page is due."""
        with postgres_errors():
            async with self._engine.begin() as connection:
                position = (await connection.execute(TAKE, {"pace_s": PACE.total_seconds()})).scalar_one_or_none()
                if position is None:
                    return None
                place = {"position": position, "still_s": still_for.total_seconds()}
                rows = _bounded((await connection.execute(READ, place)).all())
                if rows:
                    await connection.execute(MOVE_ON, {"position": rows[-1].position})
                else:
                    await connection.execute(NEXT_ROUND)
                return await _page(connection, [row for row in rows if row.still])

    async def note_stuck(self, count: int) -> None:
        """Count tasks that this round found in no place and that were not put back."""
        with postgres_errors():
            async with self._engine.begin() as connection:
                await connection.execute(MISS, {"count": count})


async def still_tasks(connection: AsyncConnection, task_ids: Sequence[str]) -> StillTasks:
    """Return those of these tasks that are live and in the queue, as the record has them now."""
    rows = (await connection.execute(AGAIN, {"ids": sql.array_of(task_ids)})).all()
    return await _page(connection, rows)


def _bounded(rows: Sequence[Any]) -> Sequence[Any]:
    """Cut a page where its tasks depend on too many others to look at in one call."""
    total = 0
    for count, row in enumerate(rows):
        total += len(row.depends_on or ())
        if total > MOST_DEPENDENCIES and count:
            return rows[:count]
    return rows


async def _page(connection: AsyncConnection, rows: Sequence[Any]) -> StillTasks:
    if not rows:
        return StillTasks()
    goals = sql.array_of(sorted({row.goal_id for row in rows}))
    states = await connection.execute(STATES, {"goals": goals})
    tasks = tuple(
        StillTask(
            id=row.id,
            goal_id=row.goal_id,
            version=row.version,
            status=TaskStatus(row.status),
            dependencies=tuple(task_id(row.goal_id, key) for key in row.depends_on or ()),
        )
        for row in rows
    )
    return StillTasks(tasks=tasks, states={row.goal_id: row.known for row in states})
