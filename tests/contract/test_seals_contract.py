"""A seal travels with what it vouches for, on every Redis: through claim, merge, conflict and another judgement."""

import pytest

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import RedisClient
from chimera_cli.adapters.redis_events import RedisEventStream
from chimera_cli.adapters.redis_queue import RedisTaskQueue
from chimera_cli.adapters.redis_state import RedisGlobalState
from chimera_cli.exceptions import StaleLease
from chimera_cli.models.delivery import Delivery, Stage
from chimera_cli.models.event import TaskEvent
from chimera_cli.models.gate import Route
from chimera_cli.models.release import ReviewMode, Seal
from chimera_cli.models.review import Resumption
from chimera_cli.models.task import Phase
from tests.builders import GOAL, VOUCHER, a_card, a_dispatch, a_judgement, a_result, a_task
from tests.contract.test_queue_contract import claim, proposal


def a_seal(mode: ReviewMode = ReviewMode.GATE) -> Seal:
    seal = VOUCHER.seal(mode, task_id=a_task().id, kind="noop", digest="d1", who="ada")
    assert seal is not None
    return seal


async def told(events: RedisEventStream, name: str) -> list[TaskEvent]:
    happened, _ = await events.read(0)
    return [event for event in happened if event.name == name]


async def executing(queue: RedisTaskQueue, seal: Seal | None, **changes: object) -> Delivery:
    """Claim the execute phase of a task that the gate let pass."""
    judged = await proposal(queue, executes=True, **changes)
    await queue.approve(judged.lease, a_judgement(), seal)
    return await claim(queue)


async def test_what_the_gate_let_pass_arrives_with_its_seal_which_the_event_tells_too(
    queue: RedisTaskQueue, events: RedisEventStream
) -> None:
    delivery = await executing(queue, a_seal())
    assert (delivery.phase, delivery.seal) == (Phase.EXECUTE, a_seal())
    [approved] = await told(events, "task.approved")
    assert approved.data["seal"] == a_seal().model_dump()
    await queue.complete(delivery.lease, a_result("sent"), digest="d1")
    [completed] = await told(events, "task.completed")
    assert completed.data["digest"] == "d1"


async def test_what_a_person_approved_arrives_with_the_persons_seal(
    queue: RedisTaskQueue, events: RedisEventStream
) -> None:
    judged = await proposal(queue, executes=True)
    await queue.hold(judged.lease, a_judgement(Route.REVIEW))
    seal = a_seal(ReviewMode.PERSON)
    card = a_card(a_task(), judged.lease.generation).model_copy(update={"seal": seal})
    assert await queue.resume(card) is Resumption.DONE
    assert (await claim(queue)).seal == seal
    assert [event.data["seal"] for event in await told(events, "task.approved")] == [seal.model_dump()]


async def test_an_approval_without_a_seal_has_none(queue: RedisTaskQueue, events: RedisEventStream) -> None:
    assert (await executing(queue, None)).seal is None
    assert [event.data["seal"] for event in await told(events, "task.approved")] == [None]


async def test_a_seal_outlives_a_merge(queue: RedisTaskQueue, events: RedisEventStream) -> None:
    await queue.push_tasks([a_dispatch("one"), a_dispatch("two")])
    first, second = await claim(queue), await claim(queue)
    result = a_result("post", executes=True, calendar=(0, "mine")).model_copy(update={"mergeable": True})
    await queue.hand_over(first.lease, result)
    await queue.complete(second.lease, a_result(calendar=(0, "theirs")))
    await queue.approve((await claim(queue, Stage.JUDGE)).lease, a_judgement(), a_seal())
    merge = await claim(queue)
    await queue.complete(merge.lease, a_result("post", calendar=(1, "both")))
    assert (await claim(queue)).seal == a_seal()
    assert [event.data["seal"] for event in await told(events, "task.approved")] == [a_seal().model_dump()] * 2


async def test_a_result_that_is_made_again_has_no_seal_left(
    queue: RedisTaskQueue, client: RedisClient, keys: Keys
) -> None:
    await queue.push_tasks([a_dispatch("one"), a_dispatch("two")])
    first, second = await claim(queue), await claim(queue)
    await queue.hand_over(first.lease, a_result("post", executes=True, calendar=(0, "mine")))
    await queue.complete(second.lease, a_result(calendar=(0, "theirs")))
    await queue.approve((await claim(queue, Stage.JUDGE)).lease, a_judgement(), a_seal())
    assert await client.hget(f"{keys.shard(0)}:t:{a_task().id}", "seal") is None


@pytest.mark.parametrize("forged", ["no JSON", "[]", '{"mode": "person"}'])
async def test_a_seal_that_cannot_be_read_vouches_for_nothing_and_fails_nothing(
    queue: RedisTaskQueue, client: RedisClient, keys: Keys, forged: str
) -> None:
    judged = await proposal(queue, executes=True)
    await queue.approve(judged.lease, a_judgement(), a_seal())
    await client.hset(f"{keys.shard(0)}:t:{a_task().id}", "seal", forged)
    delivery = await claim(queue)
    assert delivery.seal is not None
    assert not VOUCHER.vouches(delivery.seal, task_id=a_task().id, kind="noop", digest="d1")


async def test_what_nobody_vouches_for_is_judged_again_and_its_changes_are_not_committed_twice(
    queue: RedisTaskQueue, events: RedisEventStream, state: RedisGlobalState
) -> None:
    delivery = await executing(queue, None, calendar=(0, "mine"))
    assert (await state.read(GOAL, "calendar")).version == 1
    await queue.judge_again(delivery.lease, "nobody vouches for it", review_always=True)
    again = await claim(queue, Stage.JUDGE)
    assert (again.phase, again.output, again.changes) == (Phase.PROPOSE, "post", ())
    assert (again.executes, again.review_always, again.digest, again.seal) == (True, True, "", None)
    told_again = (await told(events, "task.judging"))[-1]
    assert (told_again.error, told_again.data["held"], told_again.data["always"]) == ("nobody vouches for it", [], 1)
    await queue.approve(again.lease, a_judgement(), a_seal())
    assert (await claim(queue)).seal == a_seal()
    assert (await state.read(GOAL, "calendar")).version == 1
    happened, _ = await events.read(0)
    assert [event.version for event in happened] == list(range(1, len(happened) + 1))


async def test_only_an_execute_phase_that_is_held_can_be_judged_again(queue: RedisTaskQueue) -> None:
    await queue.push_tasks([a_dispatch()])
    work = await claim(queue)
    with pytest.raises(StaleLease):
        await queue.judge_again(work.lease, "no", review_always=False)
