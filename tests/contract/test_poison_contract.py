"""A task that ends its processes is FAILED after three deliveries, and no neighbour of it is."""

from datetime import timedelta

from chimera_cli.adapters.redis_client import RedisClient
from chimera_cli.adapters.redis_events import RedisEventStream
from chimera_cli.adapters.redis_queue import RedisTaskQueue
from chimera_cli.models.delivery import Delivery, Stage
from chimera_cli.models.task import TaskStatus
from tests.builders import a_dispatch, a_result, a_task
from tests.contract.conftest import MakeQueue

CAP = 3
AGENTS = [f"a{number}" for number in range(20)]
GOOD = [f"good-{number}" for number in range(60)]


async def claim_as_a_process_does(queue: RedisTaskQueue) -> list[Delivery]:
    """Claim with nothing in hand: first what must be alone."""
    claimed = await queue.pop_tasks(Stage.WORK, AGENTS, idle=True)
    return [delivery for delivery in claimed if isinstance(delivery, Delivery)]


async def ends(events: RedisEventStream) -> dict[TaskStatus, int]:
    """Count the ends so far."""
    happened, _ = await events.read(0)
    found = [event.status for event in happened if event.status.terminal]
    return {status: found.count(status) for status in found}


async def lose(queue: RedisTaskQueue, times: int) -> None:
    """Have a task's process vanish so often; the queue's leases are over at once."""
    for _ in range(times):
        assert await queue.pop_tasks(Stage.WORK, AGENTS)
        assert await queue.reap(CAP)


async def test_a_task_that_ends_every_process_fails_after_three_deliveries_and_no_other_one_fails(
    make_queue: MakeQueue, events: RedisEventStream
) -> None:
    vanishing, queue = make_queue(0), make_queue()
    await queue.push_tasks([a_dispatch(key) for key in ["poison", *GOOD]])
    deliveries = 0
    while (counts := await queue.counts()).waiting:
        process = await claim_as_a_process_does(vanishing)
        if any(delivery.key == "poison" for delivery in process):
            deliveries += 1
        else:
            for delivery in process:
                await vanishing.complete(delivery.lease, a_result())
        await queue.reap(CAP, limit=1000)
    assert counts.running == 0
    assert deliveries == CAP
    assert await ends(events) == {TaskStatus.FAILED: 1, TaskStatus.COMPLETED: len(GOOD)}


async def test_a_suspect_is_claimed_by_none_who_has_other_work_in_hand(make_queue: MakeQueue) -> None:
    vanishing, queue = make_queue(0), make_queue()
    await queue.push_tasks([a_dispatch("one")])
    await lose(vanishing, CAP - 1)
    await queue.push_tasks([a_dispatch("two")])
    assert [delivery.key for delivery in await queue.pop_tasks(Stage.WORK, AGENTS)] == ["two"]
    suspect = await queue.pop_suspect(Stage.WORK, "a1")
    assert isinstance(suspect, Delivery)
    assert (suspect.key, suspect.abandoned, suspect.lease.agent) == ("one", CAP - 1, "a1")
    assert await queue.pop_suspect(Stage.WORK, "a2") is None


async def test_an_idle_process_claims_a_suspect_and_nothing_else_or_everything_else(
    make_queue: MakeQueue,
) -> None:
    vanishing, queue = make_queue(0), make_queue()
    await queue.push_tasks([a_dispatch("one")])
    await lose(vanishing, CAP - 1)
    await queue.push_tasks([a_dispatch("two"), a_dispatch("three")])
    first, second = [await queue.pop_tasks(Stage.WORK, AGENTS, idle=True) for _ in range(2)]
    assert [(delivery.lease.task_id, delivery.alone) for delivery in first] == [(a_task("one").id, True)]
    assert [(delivery.lease.task_id, delivery.alone) for delivery in second] == [
        (a_task("two").id, False),
        (a_task("three").id, False),
    ]


async def test_a_suspect_that_was_given_back_or_delayed_is_still_claimed_alone(make_queue: MakeQueue) -> None:
    vanishing, queue = make_queue(0), make_queue()
    await queue.push_tasks([a_dispatch("one")])
    await lose(vanishing, CAP - 1)
    suspect = await queue.pop_suspect(Stage.WORK, "a1")
    assert suspect is not None
    await queue.give_back(suspect.lease)
    assert await queue.pop_tasks(Stage.WORK, AGENTS) == []
    again = await queue.pop_suspect(Stage.WORK, "a1")
    assert again is not None
    await queue.retry(again.lease, timedelta(0), "busy")
    await queue.promote()
    assert await queue.pop_tasks(Stage.WORK, AGENTS) == []
    assert await queue.pop_suspect(Stage.WORK, "a1") is not None


async def test_of_many_busy_processes_one_at_a_time_is_told_to_come_to_rest(make_queue: MakeQueue) -> None:
    vanishing, queue = make_queue(0), make_queue()
    await queue.push_tasks([a_dispatch("one", "rare")])
    assert not await queue.must_rest(Stage.WORK, "p1")
    await lose(vanishing, CAP - 1)
    assert await queue.must_rest(Stage.WORK, "p1")
    assert not await queue.must_rest(Stage.WORK, "p2")
    assert await queue.must_rest(Stage.WORK, "p1")
    assert not await queue.must_rest(Stage.WORK, "p1", kinds=["other"])
    assert await queue.pop_suspect(Stage.WORK, "a1", kinds=["other"]) is None
    assert await queue.pop_suspect(Stage.WORK, "a1", kinds=["rare"]) is not None
    assert not await queue.must_rest(Stage.WORK, "p1")


async def test_a_result_that_outlived_two_judges_is_judged_alone(make_queue: MakeQueue) -> None:
    vanishing, queue = make_queue(0), make_queue()
    await queue.push_tasks([a_dispatch("one")])
    [work] = await queue.pop_tasks(Stage.WORK, AGENTS[:1])
    await queue.hand_over(work.lease, a_result())
    for _ in range(CAP - 1):
        assert await vanishing.pop_tasks(Stage.JUDGE, AGENTS)
        await queue.reap(CAP)
    assert await queue.pop_tasks(Stage.JUDGE, AGENTS) == []
    assert (await queue.counts()).to_judge == 1
    suspect = await queue.pop_suspect(Stage.JUDGE, "j1")
    assert isinstance(suspect, Delivery)
    assert suspect.abandoned == CAP - 1


async def test_nothing_is_left_of_a_suspect_that_has_ended(
    client: RedisClient, make_queue: MakeQueue, events: RedisEventStream
) -> None:
    vanishing, queue = make_queue(0), make_queue()
    await queue.push_tasks([a_dispatch("one")])
    await lose(vanishing, CAP - 1)
    await queue.must_rest(Stage.WORK, "p1")
    suspect = await queue.pop_suspect(Stage.WORK, "a1")
    assert suspect is not None
    await queue.complete(suspect.lease, a_result())
    task = a_task("one")
    await queue.forget([(task.goal_id, task.id)], [task.goal_id])
    _, last = await events.read(0)
    await events.trim(0, last, recorded=last)
    left = [
        key
        async for key in client.scan_iter(f"*{queue._keys.namespace}*")
        if not key.endswith((":out", ":bell", ":run", ":epoch", ":turn", ":recorded"))
    ]
    assert left == []
