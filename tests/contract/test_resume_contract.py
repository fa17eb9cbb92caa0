"""What TaskQueuePort.resume promises, on every Redis: a decision takes effect once, and on nothing but what was shown."""

import asyncio

import pytest

from chimera_cli.adapters.redis_events import RedisEventStream
from chimera_cli.adapters.redis_queue import RedisTaskQueue
from chimera_cli.adapters.redis_state import RedisGlobalState
from chimera_cli.models.audit import SWARM
from chimera_cli.models.delivery import Delivery, Stage
from chimera_cli.models.gate import Route
from chimera_cli.models.review import CardStatus, Resumption, ReviewCard
from chimera_cli.models.task import Phase
from tests.builders import GOAL, a_card, a_dispatch, a_judgement, a_result, a_task
from tests.contract.test_queue_contract import claim, proposal, story


async def hold(queue: RedisTaskQueue, judged: Delivery, *, digest: str = "d1") -> None:
    await queue.hold(judged.lease, a_judgement(Route.REVIEW, digest=digest))


def card_of(judged: Delivery, status: CardStatus = CardStatus.APPROVED, *, digest: str = "d1") -> ReviewCard:
    """Make the card of a held result, decided or not."""
    card = a_card(a_task(judged.key), judged.lease.generation, status=status, digest=digest)
    nobody = {"decided_by": None, "reason": "nobody decided review card c within 168 h"}
    return card if status in {CardStatus.APPROVED, CardStatus.REJECTED} else card.model_copy(update=nobody)


async def test_a_person_lets_a_held_result_go_on_once(queue: RedisTaskQueue, events: RedisEventStream) -> None:
    judged = await proposal(queue)
    await hold(queue, judged)
    assert await queue.resume(card_of(judged)) is Resumption.DONE
    assert await queue.resume(card_of(judged)) is Resumption.DONE
    assert (await story(events))[-3:] == ["task.held", "task.approved", "task.completed"]


async def test_a_rejection_is_terminal_and_carries_the_reason(queue: RedisTaskQueue, events: RedisEventStream) -> None:
    judged = await proposal(queue)
    await hold(queue, judged)
    assert await queue.resume(card_of(judged, CardStatus.REJECTED)) is Resumption.DONE
    happened, _ = await events.read(0)
    assert (happened[-1].status, happened[-1].error, happened[-1].agent) == ("REJECTED", "not our tone", "ada")


async def test_a_card_that_expired_fails_its_task_with_card_and_age_and_what_waits_for_it_is_cancelled(
    queue: RedisTaskQueue, events: RedisEventStream
) -> None:
    judged = await proposal(queue)
    await queue.push_tasks([a_dispatch("child", after=["one"])])
    await hold(queue, judged)
    expired = card_of(judged, CardStatus.EXPIRED)
    assert await queue.resume(expired) is Resumption.DONE
    assert await queue.resume(expired) is Resumption.DONE
    happened, _ = await events.read(0)
    (failed,) = [event for event in happened if event.name == "task.failed"]
    assert (failed.status, failed.error, failed.agent) == ("FAILED", expired.reason, SWARM)
    assert (await story(events, "child"))[-1] == "task.cancelled"


async def test_of_an_approval_and_an_expiry_the_one_that_is_carried_out_first_stands(
    queue: RedisTaskQueue, events: RedisEventStream
) -> None:
    judged = await proposal(queue)
    await hold(queue, judged)
    approved, expired = card_of(judged), card_of(judged, CardStatus.EXPIRED)
    await asyncio.gather(queue.resume(approved), queue.resume(expired))
    ends = {"task.completed", "task.failed"}
    assert len(ends & set(await story(events))) == 1


async def test_a_stale_card_sends_what_is_held_back_to_the_judges_and_a_fresh_one_can_be_approved(
    queue: RedisTaskQueue, events: RedisEventStream, state: RedisGlobalState
) -> None:
    judged = await proposal(queue, calendar=(0, "mine"))
    await hold(queue, judged)
    assert await queue.resume(card_of(judged, CardStatus.STALE)) is Resumption.DONE
    assert await queue.resume(card_of(judged)) is Resumption.DONE, "what was carried out is not carried out again"
    again = await claim(queue, Stage.JUDGE, "judge-2")
    assert (again.output, again.written, again.lease.generation) == ("post", {"calendar": "mine"}, 3)
    await hold(queue, again, digest="d2")
    await queue.resume(card_of(judged))
    assert (await story(events))[-1] == "task.held", "the old card lets nothing pass"
    assert await queue.resume(card_of(again, digest="d2")) is Resumption.DONE
    assert (await state.read(GOAL, "calendar")).value == "mine"
    steps = ["task.judging", "task.held", "task.rejudged", "task.held", "task.approved", "task.completed"]
    assert (await story(events))[-6:] == steps


@pytest.mark.parametrize("status", [CardStatus.APPROVED, CardStatus.REJECTED, CardStatus.EXPIRED])
async def test_a_decision_on_what_is_not_held_changes_nothing_but_has_it_judged_again(
    queue: RedisTaskQueue, events: RedisEventStream, status: CardStatus
) -> None:
    judged = await proposal(queue, executes=True)
    await hold(queue, judged)
    assert await queue.resume(card_of(judged, status, digest="forged")) is Resumption.OTHER
    assert await queue.pop_tasks(Stage.WORK, ["agent"]) == []
    again = await claim(queue, Stage.JUDGE)
    await hold(queue, again)
    assert await queue.resume(card_of(again)) is Resumption.DONE
    assert (await claim(queue)).phase is Phase.EXECUTE


async def test_a_decision_under_another_claim_is_late(queue: RedisTaskQueue, events: RedisEventStream) -> None:
    judged = await proposal(queue, executes=True)
    await hold(queue, judged)
    for generation in (1, 3):
        assert await queue.resume(a_card(a_task(), generation)) is Resumption.LATE
    assert (await story(events))[-1] == "task.held"


async def test_whoever_carries_out_an_approval_hears_that_the_result_is_made_again(
    queue: RedisTaskQueue, events: RedisEventStream
) -> None:
    await queue.push_tasks([a_dispatch("one"), a_dispatch("two")])
    first, second = await claim(queue), await claim(queue)
    await queue.hand_over(first.lease, a_result("post", calendar=(0, "mine")))
    judged = await claim(queue, Stage.JUDGE)
    await hold(queue, judged)
    await queue.complete(second.lease, a_result(calendar=(0, "theirs")))
    card = card_of(judged)
    assert await queue.resume(card) is Resumption.AGAIN
    assert (await story(events, first.key))[-2:] == ["task.approved", "task.conflicted"]
