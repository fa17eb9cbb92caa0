"""Whose turn it is: goals in a lane, lanes of a priority, priorities; on every Redis."""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta

import pytest

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_claims import CLAIMS_A_CYCLE
from chimera_cli.adapters.redis_client import RedisClient
from chimera_cli.adapters.redis_control import RedisControl
from chimera_cli.adapters.redis_queue import RedisTaskQueue
from chimera_cli.models.delivery import Delivery, Dispatch, Stage
from chimera_cli.models.order import Order, OrderAction
from chimera_cli.models.policy import LeasePolicy
from chimera_cli.models.task import Priority
from tests.builders import NOON, a_dispatch, a_judgement, a_result, a_task
from tests.contract.conftest import MakeQueue

GIANT, SMALL, OTHER = (letter * 20 for letter in "gso")


def of(goal: str, count: int, *, kind: str = "noop", name: str = "", **changes: object) -> list[Dispatch]:
    """Tasks of one goal, which are named so that a delivery tells whose it is."""
    return [a_dispatch(f"{name or goal[0]}{n}", kind, goal=goal, **changes) for n in range(count)]


async def claimed(queue: RedisTaskQueue, count: int, **how: object) -> list[Delivery]:
    """Claim one delivery after the other."""
    taken = [delivery for n in range(count) for delivery in await queue.pop_tasks(Stage.WORK, [f"a{n}"], **how)]
    return [delivery for delivery in taken if isinstance(delivery, Delivery)]


def order(seq: int, action: OrderAction) -> Order:
    return Order(seq=seq, at=NOON, action=action, goal_id=GIANT, operator="ana", reason="lunch")


def first_letters(deliveries: Iterable[Delivery]) -> str:
    return "".join(delivery.key[0] for delivery in deliveries)


async def test_a_small_goal_behind_a_giant_one_takes_turns_with_it(queue: RedisTaskQueue) -> None:
    await queue.push_tasks(of(GIANT, 300))
    await claimed(queue, 20)
    await queue.push_tasks(of(SMALL, 3))
    turns = first_letters(await claimed(queue, 10))
    assert turns.index("s") <= 2
    assert turns[:8].count("s") == 3


async def test_tasks_of_one_goal_keep_their_order(queue: RedisTaskQueue) -> None:
    await queue.push_tasks(of(GIANT, 12))
    await queue.push_tasks(of(SMALL, 12))
    popped = await queue.pop_tasks(Stage.WORK, [f"a{n}" for n in range(24)])
    for letter in "gs":
        own = [delivery.key for delivery in popped if isinstance(delivery, Delivery) and delivery.key[0] == letter]
        assert own == [f"{letter}{n}" for n in range(12)]


async def test_a_goal_that_waited_for_nothing_gains_nothing_by_it(queue: RedisTaskQueue) -> None:
    await queue.push_tasks(of(GIANT, 40))
    await claimed(queue, 20)
    await queue.push_tasks([*of(SMALL, 40), *of(GIANT, 20, name="gx")])
    turns = first_letters(await claimed(queue, 30))
    assert abs(turns.count("s") - turns.count("g")) <= 2


async def test_of_many_goals_each_is_served_before_one_is_served_twice(queue: RedisTaskQueue) -> None:
    goals = [f"{n:020d}" for n in range(30)]
    for goal in goals:
        await queue.push_tasks([a_dispatch(f"{goal}.{n}", goal=goal) for n in range(3)])
    seen = Counter(delivery.key.split(".")[0] for delivery in await claimed(queue, 31))
    assert set(seen) == set(goals)


async def test_goals_of_one_round_come_in_the_order_in_which_they_came(
    queue: RedisTaskQueue, client: RedisClient, keys: Keys
) -> None:
    """Seen by the scores: two calls may fall into one ms."""
    lane, goals = f"{keys.shard(0)}:work:w:noop:normal", [f"{n:020d}" for n in range(12)]
    await queue.push_tasks([a_dispatch("first")])
    for goal in goals:
        await queue.push_tasks([a_dispatch("one", goal=goal)])
    entries = [await client.hget(f"{keys.shard(0)}:t:{a_task('one', goal=goal).id}", "entry") for goal in goals]
    scores = [await client.zscore(lane, a_task("one", goal=goal).id) for goal in goals]
    window = 2**22
    assert scores == [2 + int(entry.split("-")[1]) % window / window for entry in entries]


async def test_goals_that_wait_no_longer_leave_no_trace(queue: RedisTaskQueue, client: RedisClient, keys: Keys) -> None:
    lane = f"{keys.shard(0)}:work:last:noop:normal"
    await queue.push_tasks(of(GIANT, 60))
    for n in range(20):
        await queue.push_tasks([a_dispatch(f"one{n}", goal=f"{n:020d}")])
        await claimed(queue, 2)
    assert await client.zcard(lane) <= 2
    await claimed(queue, 60)
    assert await client.exists(lane, f"{keys.shard(0)}:work:turns", f"{keys.shard(0)}:work:w:noop:normal") == 0


async def test_what_a_pause_set_aside_does_not_count_against_its_goal_afterwards(
    queue: RedisTaskQueue, user: RedisClient, keys: Keys
) -> None:
    control = RedisControl(user, keys)
    await queue.push_tasks([*of(GIANT, 40), *of(SMALL, 60)])
    await control.pause(order(1, OrderAction.PAUSE))
    assert first_letters(await claimed(queue, 20)) == "s" * 20
    await control.go_on(order(2, OrderAction.RESUME))
    turns = first_letters(await claimed(queue, 20))
    assert turns.count("g") >= 9


async def test_kinds_take_turns_also_when_one_agent_claims_at_a_time(queue: RedisTaskQueue) -> None:
    await queue.push_tasks(of(GIANT, 30, kind="bulk", name="b"))
    await queue.push_tasks(of(SMALL, 30, kind="rare", name="r"))
    turns = first_letters(await claimed(queue, 20))
    assert abs(turns.count("b") - turns.count("r")) <= 1


async def test_a_lane_that_opens_again_and_again_does_not_starve_one_that_stays(queue: RedisTaskQueue) -> None:
    await queue.push_tasks(of(GIANT, 30, kind="bulk", name="b"))
    turns = ""
    for n in range(20):
        await queue.push_tasks([a_dispatch(f"c{n}", "chain", goal=SMALL)])
        turns += first_letters(await claimed(queue, 1))
    assert turns.count("b") >= 9


async def test_kinds_share_a_claim_of_several_and_what_one_has_not_got_goes_to_the_others(
    queue: RedisTaskQueue,
) -> None:
    await queue.push_tasks([*of(GIANT, 60, kind="bulk", name="b"), *of(SMALL, 60, kind="rare", name="r")])
    await queue.push_tasks([a_dispatch("x0", "scarce", goal=OTHER)])
    popped = await queue.pop_tasks(Stage.WORK, [f"a{n}" for n in range(21)])
    counts = Counter(first_letters(delivery for delivery in popped if isinstance(delivery, Delivery)))
    assert counts["x"] == 1
    assert sum(counts.values()) == 21
    assert abs(counts["b"] - counts["r"]) <= 2


async def test_no_priority_waits_for_ever(queue: RedisTaskQueue) -> None:
    for priority in (Priority.HIGH, Priority.NORMAL, Priority.LOW):
        await queue.push_tasks(of(GIANT, 40, name=priority[0], priority=priority))
    turns = first_letters(await claimed(queue, CLAIMS_A_CYCLE))
    assert Counter(turns) == {"h": CLAIMS_A_CYCLE - 2, "n": 1, "l": 1}


async def test_processes_that_end_after_a_few_claims_begin_at_different_places_of_the_cycle(
    user: RedisClient, keys: Keys, queue: RedisTaskQueue
) -> None:
    await queue.push_tasks(
        [*of(GIANT, 5, name="h", priority=Priority.HIGH), *of(SMALL, 5, name="l", priority=Priority.LOW)]
    )
    late = RedisTaskQueue(user, keys, LeasePolicy(), first_claim=CLAIMS_A_CYCLE - 1)
    assert first_letters(await claimed(late, 2)) == "lh"


async def approved(queue: RedisTaskQueue) -> None:
    """Have one task of kind noop wait for its execute phase."""
    await queue.push_tasks([a_dispatch("e0", goal=OTHER)])
    [work] = await queue.pop_tasks(Stage.WORK, ["agent"])
    await queue.hand_over(work.lease, a_result("post", executes=True))
    [judged] = await queue.pop_tasks(Stage.JUDGE, ["judge"])
    await queue.approve(judged.lease, a_judgement())


async def test_a_claim_may_leave_execute_phases_where_they_wait(queue: RedisTaskQueue) -> None:
    await approved(queue)
    await queue.push_tasks(of(SMALL, 2))
    assert first_letters(await claimed(queue, 3, executes=False)) == "ss"
    assert (await queue.counts()).waiting == 1
    assert first_letters(await claimed(queue, 1)) == "e"


async def test_an_execute_phase_that_must_be_alone_can_be_left_out_too(make_queue: MakeQueue) -> None:
    vanishing, queue = make_queue(0), make_queue()
    await approved(queue)
    for _ in range(2):
        await claimed(vanishing, 1)
        await queue.reap(3)
    assert (await queue.counts()).to_execute == {"noop": 1}
    assert not await queue.must_rest(Stage.WORK, "p1", executes=False)
    assert await queue.pop_suspect(Stage.WORK, "a", executes=False) is None
    assert await queue.must_rest(Stage.WORK, "p1")
    assert await queue.pop_suspect(Stage.WORK, "a") is not None


async def test_counts_tell_how_many_wait_by_kind(queue: RedisTaskQueue) -> None:
    await approved(queue)
    await queue.push_tasks([*of(GIANT, 3), *of(SMALL, 2, kind="rare", priority=Priority.LOW)])
    counts = await queue.counts()
    assert counts.kinds == {"noop": 4, "rare": 2}
    assert counts.waiting == 6
    assert counts.to_execute == {"noop": 1}
    assert counts.oldest_waiting is not None
    assert counts.oldest_waiting >= timedelta(0)


@pytest.mark.parametrize("place", ["inf", "-inf", "1e300", "0.5", "9007199254740993"])
async def test_a_place_written_by_hand_spoils_no_other(
    queue: RedisTaskQueue, client: RedisClient, keys: Keys, place: str
) -> None:
    lane = "noop:normal"
    await client.zadd(f"{keys.shard(0)}:work:w:{lane}", {"forged": float(place)})
    await client.zadd(f"{keys.shard(0)}:work:last:{lane}", {GIANT: float(place)})
    await client.zadd(f"{keys.shard(0)}:work:turns", {lane: float(place), "rare:normal": float(place)})
    await queue.push_tasks([*of(GIANT, 4), *of(SMALL, 4), *of(OTHER, 2, kind="rare")])
    assert Counter(first_letters(await claimed(queue, 14))) == {"g": 4, "s": 4, "o": 2}


async def as_older_release(client: RedisClient, keys: Keys, *dispatches: Dispatch, stage: str = "work") -> None:
    """Have tasks that wait in a lane wait in the stream where the older release looks for them."""
    tag = keys.shard(0)
    for dispatch in dispatches:
        lane = f"{dispatch.task.kind}:{dispatch.task.priority}"
        await client.zrem(f"{tag}:{stage}:w:{lane}", dispatch.task.id)
        await client.zrem(f"{tag}:{stage}:turns", lane)
        await client.delete(f"{tag}:{stage}:last:{lane}")
        if await client.sadd(f"{tag}:{stage}:lanes", lane):
            await client.xgroup_create(f"{tag}:{stage}:q:{lane}", "w", "0", mkstream=True)
        entry = await client.xadd(f"{tag}:{stage}:q:{lane}", {"t": dispatch.task.id})
        await client.hset(f"{tag}:t:{dispatch.task.id}", "entry", entry)


async def test_what_the_older_release_left_waiting_is_carried_over_in_bounded_steps_and_runs(
    queue: RedisTaskQueue, client: RedisClient, keys: Keys
) -> None:
    tasks = [*of(GIANT, 700), *of(SMALL, 3, kind="rare")]
    await queue.push_tasks(tasks)
    await as_older_release(client, keys, *tasks)
    assert (await queue.counts()).waiting == 703
    assert (await queue.counts()).kinds == {"noop": 700, "rare": 3}
    assert (await queue.counts()).to_execute == {}
    assert await queue.pop_tasks(Stage.WORK, ["a"]) == []
    steps = []
    while moved := await queue.promote():
        steps.append(moved)
    assert (sum(steps), max(steps)) == (703, 500)
    assert (
        await client.exists(*(f"{keys.shard(0)}:work:{name}" for name in ("lanes", "q:noop:normal", "q:rare:normal")))
        == 0
    )
    popped = await queue.pop_tasks(Stage.WORK, [f"a{n}" for n in range(710)])
    assert len({delivery.lease.task_id for delivery in popped}) == 703


async def test_a_task_that_waits_where_the_older_release_put_it_can_be_cancelled(
    queue: RedisTaskQueue, client: RedisClient, keys: Keys, user: RedisClient
) -> None:
    [task] = of(SMALL, 1)
    await queue.push_tasks([task])
    await as_older_release(client, keys, task)
    await RedisControl(user, keys).cancel(SMALL, {task.task.id: None}, operator="ana", reason="no use")
    assert await client.exists(f"{keys.shard(0)}:work:lanes", f"{keys.shard(0)}:work:q:noop:normal") == 0
    assert await queue.promote() == 0
    assert await queue.pop_tasks(Stage.WORK, ["a"]) == []


async def test_the_older_release_can_take_a_task_out_of_a_lane_that_it_does_not_know(
    queue: RedisTaskQueue, client: RedisClient, keys: Keys
) -> None:
    """It takes `entry` for the id of a stream's entry; what stays behind in the lane stands for nothing."""
    [task] = of(SMALL, 1)
    await queue.push_tasks([task])
    name = f"{keys.shard(0)}:t:{task.task.id}"
    assert await client.xdel(f"{keys.shard(0)}:work:q:noop:normal", await client.hget(name, "entry")) == 0
    await client.hset(name, mapping={"entry": "", "status": "CANCELLED"})
    assert await queue.pop_tasks(Stage.WORK, ["a"]) == []
    assert (await queue.counts()).waiting == 0


async def test_a_goal_of_many_tasks_is_put_behind_its_own_also_over_several_calls(
    queue: RedisTaskQueue, client: RedisClient, keys: Keys
) -> None:
    await queue.push_tasks([*of(GIANT, 10), *of(SMALL, 10)])
    await queue.push_tasks([*of(GIANT, 10, name="gx"), *of(SMALL, 10, name="sx")])
    lane = f"{keys.shard(0)}:work:w:noop:normal"
    places = [int(score) for _, score in await client.zrange(lane, 0, -1, withscores=True)]
    assert Counter(places) == {1: 1, **dict.fromkeys(range(2, 21), 2), 21: 1}
