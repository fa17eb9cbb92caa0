"""What the record tells of effects and of the approvals behind them, on a real Postgres."""

from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from chimera_cli.adapters.postgres_outbox import PostgresOutbox
from chimera_cli.adapters.postgres_record import PostgresRecord
from chimera_cli.adapters.postgres_review import PostgresReview
from chimera_cli.models.identity import task_id
from chimera_cli.models.performed import Approval, Trace
from chimera_cli.models.release import ReviewMode, Seal
from chimera_cli.models.review import Decision
from chimera_cli.models.task import Phase
from tests.builders import VOUCHER
from tests.contract.postgres_life import HELD, Story, a_goal, specs

pytestmark = pytest.mark.integration
MADE = ("task.queued", "task.started", "task.judging")
EXECUTE = {"phase": Phase.EXECUTE}


def a_seal(task: str, mode: ReviewMode) -> Seal:
    seal = VOUCHER.seal(mode, task_id=task, kind="noop", digest="d", who="ada")
    assert seal is not None
    return seal


async def executed(record: PostgresRecord, *keys: str, sealed: bool = True, shard: int = 0) -> dict[str, str]:
    """Tasks that the gate let pass and that were executed."""
    goal = a_goal(uuid4)
    await record.submit(goal, specs(*keys))
    async with record.dispatching():
        pass
    story, ids = Story(goal, shard), {key: task_id(goal.id, key) for key in keys}
    for key, id in ids.items():
        seal = a_seal(id, ReviewMode.GATE).model_dump(mode="json") if sealed else None
        told = {"judgement": {"digest": "d", "odd": "\0"}, "seal": seal}
        events = [*story.tell(key, *MADE), *story.tell(key, "task.approved", **EXECUTE, data=told)]
        events += story.tell(key, "task.started", **EXECUTE)
        events += story.tell(key, "task.completed", **EXECUTE, data={"digest": "d", "odd": "\0"})
        await record.record(events)
    return ids


async def test_a_completed_execution_is_told_with_what_the_gate_signed(
    record: PostgresRecord, engine: AsyncEngine
) -> None:
    ids = await executed(record, "one", "two")
    found = await PostgresReview(engine).performed(Trace.EVENT, -1, 10)
    assert [(effect.task_id, effect.digest) for effect in found] == [(id, "d") for id in ids.values()]
    for effect in found:
        assert effect.approvals == (Approval(digest="d", seal=a_seal(effect.task_id, ReviewMode.GATE)),)
    assert await PostgresReview(engine).performed(Trace.EVENT, found[0].seq, 10) == found[1:]


async def test_an_approval_without_a_seal_is_none(record: PostgresRecord, engine: AsyncEngine) -> None:
    await executed(record, "one", sealed=False)
    [effect] = await PostgresReview(engine).performed(Trace.EVENT, -1, 10)
    assert effect.approvals == ()


async def test_a_persons_seal_is_kept_with_the_card_and_told_with_the_posts_of_the_task_once_it_has_ended(
    record: PostgresRecord, engine: AsyncEngine
) -> None:
    goal, review = a_goal(uuid4), PostgresReview(engine)
    await record.submit(goal, specs("one"))
    async with record.dispatching():
        pass
    story, id = Story(goal), task_id(goal.id, "one")
    await record.record(story.tell("one", *HELD))
    [card] = await review.cards()
    seal = VOUCHER.seal(ReviewMode.PERSON, task_id=id, kind=card.kind, digest=card.judgement.digest, who="ada")
    decided = await review.decide(card.id, Decision.APPROVE, "ada", "", seal=seal)
    assert decided.seal == seal
    await PostgresOutbox(engine).append(f"{id}:execute", "twitter", {"text": "hello"})
    assert await review.performed(Trace.POST, -1, 10) == []
    await record.record(story.tell("one", "task.approved", **EXECUTE))
    await record.record(story.tell("one", "task.started", **EXECUTE))
    await record.record(story.tell("one", "task.failed", **EXECUTE))
    [effect] = await review.performed(Trace.POST, -1, 10)
    assert (effect.task_id, effect.digest) == (id, "")
    assert effect.approvals == (Approval(digest=card.judgement.digest, seal=seal),)


async def test_what_was_made_before_there_were_seals_is_left_out(record: PostgresRecord, engine: AsyncEngine) -> None:
    await executed(record, "one", sealed=False)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE signed_since SET event = (SELECT max(seq) FROM events)"))
    await executed(record, "two", shard=1)
    assert len(await PostgresReview(engine).performed(Trace.EVENT, -1, 10)) == 1
