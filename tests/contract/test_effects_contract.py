"""What the record knows of effects, on a real Postgres."""

from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from chimera_cli.adapters.postgres_outbox import PostgresOutbox
from chimera_cli.adapters.postgres_record import PostgresRecord
from chimera_cli.exceptions import BackendUnavailable
from chimera_cli.models.effect import Effect
from chimera_cli.models.identity import task_id
from chimera_cli.models.task import Phase
from tests.contract.postgres_life import Story, a_goal, specs

pytestmark = pytest.mark.integration
MADE = ("task.queued", "task.started", "task.judging")
EXECUTE = {"phase": Phase.EXECUTE}
LOST = text(
    "INSERT INTO recoveries (shard, cause, dispatched, restored, decisions) VALUES (0, :cause, 0, :restored, 0)"
)


async def lives(record: PostgresRecord) -> tuple[Story, dict[str, str]]:
    """Tasks that were cancelled or failed at different points of their lives."""
    goal = a_goal(uuid4)
    keys = ("early", "approved", "running", "stored", "failed", "confirmed", "live")
    await record.submit(goal, specs(*keys))
    async with record.dispatching():
        pass
    story = Story(goal)
    events = [*story.tell("early", "task.queued", "task.started", "task.cancelled")]
    for key, end in (("approved", ""), ("running", "cancelled"), ("stored", "cancelled"), ("failed", "failed")):
        events += [*story.tell(key, *MADE), *story.tell(key, "task.approved", **EXECUTE)]
        if end:
            events += [*story.tell(key, "task.started", **EXECUTE), *story.tell(key, f"task.{end}", **EXECUTE)]
    events += story.tell("approved", "task.cancelled", **EXECUTE)
    events += [*story.tell("confirmed", *MADE), *story.tell("confirmed", "task.approved", **EXECUTE)]
    events += [
        *story.tell("confirmed", "task.started", **EXECUTE),
        *story.tell("confirmed", "task.completed", **EXECUTE),
    ]
    await record.record(events)
    return story, {key: task_id(goal.id, key) for key in keys}


async def effects(record: PostgresRecord, ids: dict[str, str]) -> dict[str, Effect | None]:
    listed = {task.key: task.effect for task in await record.tasks(limit=0)}
    assert listed == {key: (await record.task(id)).effect for key, id in ids.items()}
    return listed


async def test_the_effect_of_an_ended_task_is_said_as_far_as_it_is_known(
    record: PostgresRecord, engine: AsyncEngine
) -> None:
    story, ids = await lives(record)
    await PostgresOutbox(engine).append(f"{ids['stored']}:execute", "twitter", {"text": "hello"})
    assert await effects(record, ids) == {
        "early": Effect.NOT_DONE,
        "approved": Effect.NOT_DONE,
        "running": Effect.UNKNOWN,
        "stored": Effect.DONE,
        "failed": Effect.UNKNOWN,
        "confirmed": Effect.DONE,
        "live": None,
    }
    counts = {Effect.NOT_DONE: 2, Effect.UNKNOWN: 1, Effect.DONE: 1}
    assert await record.cancelled_effects(story.goal.id) == counts


async def test_a_claim_that_redis_may_have_lost_leaves_the_effect_unknown(
    record: PostgresRecord, engine: AsyncEngine
) -> None:
    _, ids = await lives(record)
    async with engine.begin() as connection:
        await connection.execute(LOST, {"cause": "restarted", "restored": 0})
    assert (await record.task(ids["approved"])).effect is Effect.NOT_DONE
    async with engine.begin() as connection:
        await connection.execute(LOST, {"cause": "emptied", "restored": 3})
    assert (await record.task(ids["approved"])).effect is Effect.UNKNOWN
    assert (await record.task(ids["early"])).effect is Effect.NOT_DONE


async def test_a_record_that_is_tried_keeps_no_trace_of_it(record: PostgresRecord, engine: AsyncEngine) -> None:
    await record.probe_effects()
    assert await PostgresOutbox(engine).posts() == []


async def test_a_record_that_is_read_only_would_take_no_effect(record: PostgresRecord, engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        name = (await connection.execute(text("SELECT current_database()"))).scalar_one()
        await connection.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
    await engine.dispose()
    with pytest.raises(BackendUnavailable, match="read-only"):
        await record.probe_effects()
