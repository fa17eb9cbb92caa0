"""What ControlPort promises, on every Redis: a fence first, nothing lost behind it, and no order obeyed twice or too late."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import RedisClient
from chimera_cli.adapters.redis_control import AT_ONCE, RedisControl
from chimera_cli.adapters.redis_events import RedisEventStream
from chimera_cli.adapters.redis_queue import RedisTaskQueue
from chimera_cli.adapters.redis_state import RedisGlobalState
from chimera_cli.exceptions import StaleLease
from chimera_cli.models.delivery import Delivery, Dispatch, Stage
from chimera_cli.models.gate import Route
from chimera_cli.models.order import Fate, Order, OrderAction
from chimera_cli.models.result import VersionedValue
from chimera_cli.models.review import CardStatus, Resumption
from chimera_cli.models.task import TaskStatus
from tests.builders import GOAL, NOON, a_card, a_dispatch, a_judgement, a_result, a_task
from tests.contract.conftest import MakeQueue
from tests.vouching import vouch

OTHER = "b" * 20


@pytest.fixture
async def control(user: RedisClient, keys: Keys) -> RedisControl:
    await vouch(user, keys)
    return RedisControl(user, keys)


def order(seq: int, action: OrderAction = OrderAction.PAUSE, goal: str = GOAL) -> Order:
    return Order(seq=seq, at=NOON, action=action, goal_id=goal, operator="ana", reason="lunch")


def resume(seq: int) -> Order:
    return order(seq, OrderAction.RESUME)


async def claimed(queue: RedisTaskQueue, stage: Stage = Stage.WORK, many: int = 10) -> list[Delivery]:
    return [
        one for one in await queue.pop_tasks(stage, [f"{stage}-{n}" for n in range(many)]) if isinstance(one, Delivery)
    ]


async def story(events: RedisEventStream, key: str = "one") -> list[str]:
    happened, _ = await events.read(0)
    return [event.name for event in happened if event.task_id == a_task(key).id]


async def cancel(control: RedisControl, *keys: str, life: int | None = None) -> list[Fate]:
    return await control.cancel(GOAL, {a_task(key).id: life for key in keys}, operator="ana", reason="no use")


async def test_nothing_of_a_paused_goal_is_claimed_and_others_are(queue: RedisTaskQueue, control: RedisControl) -> None:
    await queue.push_tasks([a_dispatch(f"t{n}") for n in range(30)])
    await queue.push_tasks([a_dispatch("mine", goal=OTHER)])
    assert await control.pause(order(1)) == 0
    assert [one.key for one in await claimed(queue, many=2)] == ["mine"]
    assert await claimed(queue) == []
    assert (await queue.counts()).waiting == 0
    await queue.push_tasks([a_dispatch("late")])
    assert await claimed(queue) == []
    assert await control.go_on(resume(2)) == 31
    assert len(await claimed(queue, many=40)) == 31


async def test_what_stands_between_tasks_of_a_paused_goal_is_claimed_with_all_its_fields(
    queue: RedisTaskQueue, control: RedisControl
) -> None:
    for key in ("one", "two", "three"):
        await queue.push_tasks([a_dispatch(key), a_dispatch(key, goal=OTHER)])
    await control.pause(order(1))
    whole = await claimed(queue, many=6)
    assert [(one.key, one.title, one.lease.goal_id) for one in whole] == [
        (key, a_dispatch(key).task.title, OTHER) for key in ("one", "two", "three")
    ]


async def test_a_thousand_paused_tasks_ahead_keep_nobody_waiting(queue: RedisTaskQueue, control: RedisControl) -> None:
    await queue.push_tasks([a_dispatch(f"t{n}") for n in range(1000)])
    await queue.push_tasks([a_dispatch("mine", goal=OTHER)])
    await control.pause(order(1))
    found = [one.key for _ in range(3) for one in await claimed(queue, many=3)]
    assert found == ["mine"]
    assert await control.go_on(resume(2)) == 1000


async def test_a_pause_takes_back_what_runs_without_costing_an_attempt(
    queue: RedisTaskQueue, control: RedisControl, events: RedisEventStream
) -> None:
    await queue.push_tasks([a_dispatch()])
    (running,) = await claimed(queue)
    assert await control.pause(order(1)) == 1
    assert await queue.extend([running.lease]) == [running.lease]
    assert (await story(events))[-1] == "task.recalled"
    await control.go_on(resume(2))
    (again,) = await claimed(queue)
    assert (again.attempt, again.abandoned, again.lease.generation) == (1, 0, 2)
    assert await queue.reap(3) == 0


async def test_every_answer_about_a_paused_goal_is_stale_also_before_its_lease_was_found(
    queue: RedisTaskQueue, control: RedisControl, state: RedisGlobalState, client: RedisClient, keys: Keys
) -> None:
    await queue.push_tasks([a_dispatch("one"), a_dispatch("two")])
    await queue.hand_over((await claimed(queue, many=1))[0].lease, a_result())
    (work,) = await claimed(queue, many=1)
    (judge,) = await claimed(queue, Stage.JUDGE)
    await client.hset(f"{keys.shard(0)}:g:{GOAL}", mapping={"paused": 1})
    late: list[Awaitable[None]] = [
        queue.complete(work.lease, a_result(calendar=(0, "late"))),
        queue.hand_over(work.lease, a_result()),
        queue.fail(work.lease, "late"),
        queue.give_back(work.lease),
        queue.approve(judge.lease, a_judgement()),
        queue.hold(judge.lease, a_judgement()),
        queue.revise(judge.lease, a_judgement()),
    ]
    for answer in late:
        with pytest.raises(StaleLease):
            await answer
    assert (await state.read(GOAL, "calendar")).version == 0
    assert await queue.extend([work.lease, judge.lease]) == [judge.lease, work.lease]
    assert await control.pause(order(1)) == 2
    await control.go_on(resume(2))
    assert len(await claimed(queue)) == len(await claimed(queue, Stage.JUDGE)) == 1


async def test_a_pause_finds_a_lease_among_many(queue: RedisTaskQueue, control: RedisControl) -> None:
    many = 2 * AT_ONCE + 50
    await queue.push_tasks([a_dispatch(f"t{n}", goal=OTHER) for n in range(many)])
    await queue.push_tasks([a_dispatch(f"m{n}") for n in range(20)])
    for _ in range(5):
        await claimed(queue, many=100)
    assert await control.pause(order(1)) == 20
    assert await control.pause(order(1)) == 0
    assert (await queue.counts()).running == many


class InterruptedControl(RedisControl):
    """One in whose first look at leases something else happens before the next."""

    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def _call(self, script: str, goal_id: str, *args: str | int) -> Any:
        reply = await super()._call(script, goal_id, *args)
        if script == "recall" and self.meanwhile:
            happens, self.meanwhile = self.meanwhile, None
            await happens()
        return reply


async def test_a_pause_finds_every_lease_though_others_end_meanwhile(
    queue: RedisTaskQueue, make_queue: MakeQueue, user: RedisClient, keys: Keys
) -> None:
    await queue.push_tasks([a_dispatch(f"m{n}") for n in range(20)])
    await claimed(queue, many=20)
    await queue.push_tasks([a_dispatch(f"o{n}", goal=OTHER) for n in range(AT_ONCE)])
    later = make_queue(120)
    others = [one for _ in range(AT_ONCE // 100) for one in await claimed(later, many=100)]
    assert len(others) == AT_ONCE

    async def answer() -> None:
        for other in others:
            await queue.complete(other.lease, a_result())

    control = InterruptedControl(user, keys)
    control.meanwhile = answer
    assert await control.pause(order(1)) == 20
    assert control.meanwhile is None
    assert (await queue.counts()).running == 0


async def test_an_older_order_than_the_last_is_not_obeyed(queue: RedisTaskQueue, control: RedisControl) -> None:
    await queue.push_tasks([a_dispatch()])
    await control.pause(order(5))
    assert await control.go_on(resume(4)) == 0
    assert await claimed(queue) == []
    await control.go_on(resume(6))
    await control.pause(order(5))
    assert len(await claimed(queue)) == 1


async def test_orders_repeated_by_many_at_once_lose_and_double_nothing(
    queue: RedisTaskQueue, control: RedisControl
) -> None:
    await queue.push_tasks([a_dispatch(f"t{n}") for n in range(300)])
    await claimed(queue, many=100)
    assert sum(await asyncio.gather(*(control.pause(order(1)) for _ in range(5)))) == 100
    await claimed(queue, many=300)
    assert sum(await asyncio.gather(*(control.go_on(resume(2)) for _ in range(5)))) == 300
    assert len({one.lease.task_id for one in await claimed(queue, many=400)}) == 300


async def test_an_order_about_a_goal_that_is_not_in_the_queue_leaves_nothing(
    client: RedisClient, keys: Keys, control: RedisControl
) -> None:
    assert await control.pause(order(1)) == 0
    assert await control.go_on(resume(2)) == 0
    assert not await client.exists(f"{keys.shard(0)}:g:{GOAL}")


async def test_a_dispatch_brings_the_pause_along_and_no_older_one(queue: RedisTaskQueue, control: RedisControl) -> None:
    def dispatched(key: str, *, paused: bool, ordered: int) -> Dispatch:
        return a_dispatch(key).model_copy(update={"paused": paused, "ordered": ordered})

    await queue.push_tasks([dispatched("one", paused=True, ordered=3)])
    assert await claimed(queue) == []
    await control.go_on(resume(4))
    await queue.push_tasks([dispatched("two", paused=True, ordered=3)])
    assert len(await claimed(queue)) == 2


async def test_an_approval_waits_for_a_paused_goal_and_a_rejection_does_not(
    queue: RedisTaskQueue, control: RedisControl, state: RedisGlobalState
) -> None:
    await queue.push_tasks([a_dispatch("one"), a_dispatch("two")])
    for work in await claimed(queue):
        await queue.hand_over(work.lease, a_result("post", **{work.key: (0, "x")}))
    judged = await claimed(queue, Stage.JUDGE)
    for result in judged:
        await queue.hold(result.lease, a_judgement(Route.REVIEW))
    one, two = sorted(judged, key=lambda result: result.key)
    await control.pause(order(1))
    approved = a_card(a_task("one"), one.lease.generation)
    rejected = a_card(a_task("two"), two.lease.generation, status=CardStatus.REJECTED)
    assert await queue.resume(approved) is Resumption.PAUSED
    assert await queue.resume(rejected) is Resumption.DONE
    assert (await state.read(GOAL, "one")).version == 0
    await control.go_on(resume(2))
    assert await queue.resume(approved) is Resumption.DONE
    assert (await state.read(GOAL, "one")).version == 1


async def test_retries_and_children_that_become_due_are_set_aside(
    queue: RedisTaskQueue, control: RedisControl, make_queue: MakeQueue
) -> None:
    await queue.push_tasks([a_dispatch("one"), a_dispatch("two"), a_dispatch("child", after=["two"])])
    one, two = await claimed(queue)
    await queue.retry(one.lease, NOON - NOON, "again")
    await queue.complete(two.lease, a_result())
    await control.pause(order(1))
    await queue.promote()
    await queue.settle()
    assert await claimed(queue) == []
    await control.go_on(resume(2))
    assert {found.key for found in await claimed(queue)} == {"one", "child"}


async def held(queue: RedisTaskQueue) -> None:
    (work,) = await claimed(queue)
    await queue.hand_over(work.lease, a_result())
    (judge,) = await claimed(queue, Stage.JUDGE)
    await queue.hold(judge.lease, a_judgement(Route.REVIEW))


async def approved(queue: RedisTaskQueue) -> None:
    (work,) = await claimed(queue)
    await queue.hand_over(work.lease, a_result(executes=True))
    (judge,) = await claimed(queue, Stage.JUDGE)
    await queue.approve(judge.lease, a_judgement())


async def executing(queue: RedisTaskQueue) -> None:
    await approved(queue)
    await claimed(queue)


async def delayed(queue: RedisTaskQueue) -> None:
    (work,) = await claimed(queue)
    await queue.retry(work.lease, NOON.replace(year=2027) - NOON, "later")


async def judging(queue: RedisTaskQueue) -> None:
    (work,) = await claimed(queue)
    await queue.hand_over(work.lease, a_result())
    await claimed(queue, Stage.JUDGE)


async def running(queue: RedisTaskQueue) -> None:
    await claimed(queue)


async def queued(queue: RedisTaskQueue) -> None:
    pass


@pytest.mark.parametrize("paused", [False, True], ids=["", "paused"])
@pytest.mark.parametrize("reach", [queued, running, delayed, judging, held, approved, executing])
async def test_a_task_is_cancelled_wherever_it_stands_and_leaves_nothing(
    queue: RedisTaskQueue,
    control: RedisControl,
    events: RedisEventStream,
    client: RedisClient,
    keys: Keys,
    *,
    reach: Callable[[RedisTaskQueue], Awaitable[None]],
    paused: bool,
) -> None:
    await queue.push_tasks([a_dispatch("one")])
    await reach(queue)
    if paused:
        await control.pause(order(1))
    assert await cancel(control, "one") == [Fate.CANCELLED]
    assert await cancel(control, "one") == [Fate.CANCELLED]
    happened, last = await events.read(0)
    assert (happened[-1].name, happened[-1].agent, happened[-1].error) == ("task.cancelled", "ana", "no use")
    assert [event.version for event in happened] == list(range(1, len(happened) + 1))
    await queue.forget([(GOAL, a_task().id)], [GOAL])
    await events.trim(0, last, recorded=last)
    left = {key async for key in client.scan_iter(match=f"{keys.shard(0)}:*")}
    assert {key.removeprefix(f"{keys.shard(0)}:") for key in left} <= {"out", "work:bell", "judge:bell"} | STAYS


STAYS = {"run", "epoch", "turn", "recorded", "grace"}
"""Keys that do not come from work."""


async def test_a_cancelled_run_is_told_and_changes_nothing(
    queue: RedisTaskQueue, control: RedisControl, state: RedisGlobalState
) -> None:
    await queue.push_tasks([a_dispatch("one"), a_dispatch("two")])
    one, two = sorted(await claimed(queue), key=lambda delivery: delivery.key)
    await cancel(control, "one")
    assert await queue.extend([one.lease, two.lease]) == [one.lease]
    with pytest.raises(StaleLease):
        await queue.complete(one.lease, a_result(calendar=(0, "late")))
    assert (await state.read(GOAL, "calendar")).version == 0


async def test_what_had_ended_or_is_unknown_is_told_and_left_alone(
    queue: RedisTaskQueue, control: RedisControl, events: RedisEventStream
) -> None:
    await queue.push_tasks([a_dispatch("done"), a_dispatch("live")])
    done = next(one for one in await claimed(queue) if one.key == "done")
    await queue.complete(done.lease, a_result())
    assert await cancel(control, "done", "live", "nobody") == [Fate.ENDED, Fate.CANCELLED, Fate.UNKNOWN]
    assert (await story(events, "done"))[-1] == "task.completed"


async def test_an_order_to_cancel_means_one_life_of_its_task_and_no_other(
    queue: RedisTaskQueue, control: RedisControl
) -> None:
    await queue.push_tasks([a_dispatch()])
    (first,) = await claimed(queue)
    await queue.fail(first.lease, "the sky fell")
    assert await cancel(control, "one", life=7) == [Fate.UNKNOWN]
    assert await cancel(control, "one", life=0) == [Fate.ENDED]
    await queue.push_tasks([a_dispatch(version=4, generation=1).model_copy(update={"life": 7})])
    assert await cancel(control, "one", life=0) == [Fate.ENDED]
    (second,) = await claimed(queue)
    assert await queue.extend([second.lease]) == []
    assert await cancel(control, "one", life=7) == [Fate.CANCELLED]
    assert await cancel(control, "one", life=7) == [Fate.CANCELLED]


async def test_a_task_cancelled_on_its_way_never_waits_in_a_lane(
    queue: RedisTaskQueue, events: RedisEventStream
) -> None:
    doomed = a_dispatch("one").model_copy(update={"cancelled": "cancelled by ana"})
    await queue.push_tasks([doomed, a_dispatch("child", after=["one"])])
    assert await claimed(queue) == []
    assert await story(events) == await story(events, "child") == ["task.cancelled"]


async def test_a_task_that_was_put_back_goes_on_above_its_end(
    queue: RedisTaskQueue, events: RedisEventStream, state: RedisGlobalState
) -> None:
    await queue.push_tasks([a_dispatch("one"), a_dispatch("child", after=["one"])])
    (first,) = await claimed(queue)
    await queue.fail(first.lease, "the sky fell")
    again = a_dispatch("one", version=4, generation=1).model_copy(
        update={"state": {"calendar": VersionedValue(value=["monday"], version=2)}}
    )
    child = a_dispatch("child", after={"one": TaskStatus.PENDING}, version=2)
    child = child.model_copy(
        update={"dependencies": tuple(dep.model_copy(update={"version": 4}) for dep in child.dependencies)}
    )
    assert await queue.push_tasks([child, again]) == 2
    (second,) = await claimed(queue)
    assert (second.key, second.attempt, second.lease.generation) == ("one", 1, 2)
    await queue.complete(second.lease, a_result("well", calendar=(2, "tuesday")))
    assert (await state.read(GOAL, "calendar")).version == 3
    assert [one.inputs for one in await claimed(queue)] == [{"one": "well"}]
    happened, _ = await events.read(0)
    assert [event.version for event in happened if event.task_id == a_task().id] == [1, 2, 3, 5, 6, 7]
