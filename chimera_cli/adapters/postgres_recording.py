"""Events into the record: stored once, then goals, tasks, state and cards brought up to them, all in one transaction."""

from collections.abc import Iterable, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from chimera_cli.adapters import postgres_cards as cards
from chimera_cli.adapters import postgres_lost_posts as posts
from chimera_cli.adapters import postgres_sql as sql
from chimera_cli.adapters.event_rows import event_values
from chimera_cli.adapters.postgres_batches import batches, rows_of
from chimera_cli.adapters.postgres_projection import Projection, TaskMark, project
from chimera_cli.adapters.row import json_text
from chimera_cli.models.event import TaskEvent
from chimera_cli.models.recovery import place
from chimera_cli.models.task import TaskStatus

MARKS = text("""
    SELECT coalesce(json_agg(json_build_array(id, goal_id, status, version)), '[]')
    FROM tasks WHERE id = ANY(CAST(:ids AS text[]))
""")
"""Tell in one value where tasks stand."""


async def record(connection: AsyncConnection, events: Sequence[TaskEvent], newest: str) -> tuple[int, str]:
    """Record events of one shard, one at least, given the id of the newest that is recorded; return how many were new, and the id
    of the newest now.

    The connection's transaction holds the record's lock. One at or before the newest that is recorded is recorded itself, or
    void: it was read of an old copy of Redis, whose story did not go on.
    """
    known = place(newest)
    new = await _store(connection, [event for event in events if place(event.entry_id) > known])
    if new:
        newest = new[-1].entry_id
        await connection.execute(sql.REACH, {"shard": new[-1].shard, "entry_id": newest})
        await _write(connection, project(await _marks(connection, new), new))
        await posts.note_lost(connection, new)
    return len(new), newest


async def _store(connection: AsyncConnection, events: Sequence[TaskEvent]) -> list[TaskEvent]:
    """Store events and return the new ones in order."""
    by_id = {event.entry_id: event for event in events}
    stored: set[str] = set()
    for batch in batches(values for event in by_id.values() if (values := event_values(event))):
        stored.update((await connection.execute(sql.INSERT_EVENTS, rows_of(batch))).scalar_one())
    return [event for entry_id, event in by_id.items() if entry_id in stored]


async def _marks(connection: AsyncConnection, events: Iterable[TaskEvent]) -> dict[str, TaskMark]:
    """Tell where the events' tasks stand; an unknown one is absent."""
    ids = sql.array_of({event.task_id for event in events})
    marks = (await connection.execute(MARKS, {"ids": ids})).scalar_one()
    return {id: TaskMark(goal_id, TaskStatus(status), version) for id, goal_id, status, version in marks}


async def _write(connection: AsyncConnection, projection: Projection) -> None:
    for batch in batches(move.values() for move in projection.moves.values()):
        await connection.execute(sql.UPDATE_TASKS, rows_of(batch))
    await _write_state(connection, projection)
    await cards.make(connection, projection.held)
    await cards.close(connection, projection.ended, projection.moved_on)
    await _end_goals(connection, projection)
    # Last, because it takes the audit's lock: whoever holds that must not wait for anything else.
    await cards.note_reruns(connection, projection.conflicted)


async def _write_state(connection: AsyncConnection, projection: Projection) -> None:
    rows = (
        {
            "goal_id": goal_id,
            "key": key,
            "value": json_text(change.value),
            "version": change.expected + 1,
            "at": event.at,
        }
        for (goal_id, key), (event, change) in projection.commits.items()
    )
    for batch in batches(rows):
        await connection.execute(sql.UPSERT_STATE, rows_of(batch))


async def _end_goals(connection: AsyncConnection, projection: Projection) -> None:
    rows = ({"goal_id": goal_id, **vars(ends)} for goal_id, ends in sorted(projection.ends.items()))
    for batch in batches(rows):
        await connection.execute(sql.ADD_ENDS, rows_of(batch))
    if projection.ends:
        await connection.execute(sql.END_GOALS, {"ids": sql.array_of(projection.ends)})
