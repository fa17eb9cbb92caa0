"""A delivery that ends without an answer is counted whatever ended it; what a deployment does to a task is told apart."""

import pytest

from chimera_cli.adapters.redis_events import RedisEventStream
from chimera_cli.adapters.redis_queue import RedisTaskQueue
from chimera_cli.models.delivery import Delivery, Stage
from chimera_cli.models.returned import DRAIN_CAP, Returned
from chimera_cli.models.task import TaskStatus
from tests.builders import a_dispatch, a_judgement, a_result, a_task
from tests.contract.conftest import MakeQueue

CAP = 3


async def taken(queue: RedisTaskQueue, stage: Stage = Stage.WORK) -> Delivery:
    """Claim with nothing in hand: also what must be alone."""
    [claimed] = await queue.pop_tasks(stage, ["a1"], idle=True)
    assert isinstance(claimed, Delivery)
    return claimed


async def end_of(events: RedisEventStream) -> tuple[TaskStatus, str]:
    """Return how the task ended, and why."""
    [ended] = [event for event in (await events.read(0))[0] if event.status.terminal]
    return ended.status, str(ended.error)


async def test_a_task_that_breaks_its_processes_is_claimed_alone_at_last_and_then_failed_with_the_reason(
    queue: RedisTaskQueue, events: RedisEventStream
) -> None:
    await queue.push_tasks([a_dispatch()])
    alone = []
    for _ in range(CAP):
        delivery = await taken(queue)
        alone.append((delivery.alone, delivery.abandoned, delivery.attempt))
        await queue.give_back(delivery.lease, Returned.BROKEN)
    assert alone == [(False, 0, 1), (False, 1, 1), (True, 2, 1)]
    status, error = await end_of(events)
    assert status is TaskStatus.FAILED
    assert "vanished 3 times, at last a1, with nothing else in its process: the event loop of its process was" in error


async def test_broken_processes_and_expired_leases_are_counted_together(
    make_queue: MakeQueue, events: RedisEventStream
) -> None:
    vanishing, queue = make_queue(0), make_queue()
    await queue.push_tasks([a_dispatch()])
    await queue.give_back((await taken(queue)).lease, Returned.BROKEN)
    await taken(vanishing)
    await queue.reap(CAP)
    await queue.give_back((await taken(queue)).lease, Returned.BROKEN)
    assert (await end_of(events))[0] is TaskStatus.FAILED


async def test_a_task_may_be_given_back_in_many_drains_but_not_for_ever(
    queue: RedisTaskQueue, events: RedisEventStream
) -> None:
    await queue.push_tasks([a_dispatch(), a_dispatch("next", after=["one"])])
    for _ in range(DRAIN_CAP):
        delivery = await taken(queue)
        assert (delivery.attempt, delivery.abandoned, delivery.alone) == (1, 0, False)
        await queue.give_back(delivery.lease, Returned.DRAINED)
    happened, _ = await events.read(0)
    ends = {event.task_id: event for event in happened if event.status.terminal}
    failed = ends[delivery.lease.task_id]
    assert failed.status is TaskStatus.FAILED
    assert "told to stop 10 times while it ran" in str(failed.error)
    assert ends[a_task("next").id].status is TaskStatus.CANCELLED


async def test_what_was_not_begun_is_given_back_as_often_as_it_takes(queue: RedisTaskQueue) -> None:
    await queue.push_tasks([a_dispatch()])
    for _ in range(2 * DRAIN_CAP):
        await queue.give_back((await taken(queue)).lease)
    assert (await queue.counts()).waiting == 1


async def test_another_phase_is_counted_anew(queue: RedisTaskQueue) -> None:
    await queue.push_tasks([a_dispatch()])
    for _ in range(DRAIN_CAP - 1):
        await queue.give_back((await taken(queue)).lease, Returned.DRAINED)
    await queue.hand_over((await taken(queue)).lease, a_result(executes=True))
    await queue.approve((await taken(queue, Stage.JUDGE)).lease, a_judgement())
    await queue.give_back((await taken(queue)).lease, Returned.DRAINED)
    assert (await queue.counts()).waiting == 1


@pytest.mark.parametrize("why", list(Returned))
async def test_a_result_is_never_failed_for_its_judge(queue: RedisTaskQueue, why: Returned) -> None:
    await queue.push_tasks([a_dispatch()])
    await queue.hand_over((await taken(queue)).lease, a_result())
    for _ in range(DRAIN_CAP + 1):
        judged = await taken(queue, Stage.JUDGE)
        await queue.give_back(judged.lease, why)
    assert (await queue.counts()).to_judge == 1
    assert judged.abandoned == (DRAIN_CAP if why is Returned.BROKEN else 0)
