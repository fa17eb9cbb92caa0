"""What a step of a Redis server's clock changes: nothing that is leased, due or waits; and what it is when time has merely passed.

A server whose clock steps is played by what it noted of its clock before: what it noted is moved the other way.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import RedisClient
from chimera_cli.adapters.redis_clocks import RedisClocks
from chimera_cli.adapters.redis_queue import RedisTaskQueue
from chimera_cli.models.delivery import Delivery, Stage
from chimera_cli.models.server_clock import ClockJudgement, ClockReading, ClockState
from chimera_cli.ports.server_clock import FLEET
from tests.builders import a_dispatch, a_task
from tests.contract.conftest import MakeQueue

MINUTES = 300_000
SHARD = "0"
STEPS = pytest.mark.parametrize("step", [MINUTES, -MINUTES])


async def stepped(client: RedisClient, keys: Keys, step: int, tag: str = "") -> None:
    """Play a server whose clock has stepped since it was read."""
    key = f"{tag or keys.shard(0)}:clock"
    for name in ("reading", "offset"):
        await client.hincrby(key, name, -step)


async def later(client: RedisClient, keys: Keys, passed: int) -> None:
    """Play that time has passed since the clock was read, for Postgres as well."""
    key = f"{keys.shard(0)}:clock"
    for name in ("reading", "record"):
        await client.hincrby(key, name, -passed)


@pytest.fixture
async def clocks(user: RedisClient, keys: Keys, client: RedisClient) -> AsyncIterator[RedisClocks]:
    yield RedisClocks(user, keys)
    await client.delete(f"{keys.fleet}:clock")


@pytest.fixture
def read(clocks: RedisClocks) -> Callable[..., Awaitable[ClockReading]]:
    async def look(judgement: ClockJudgement | None = None) -> ClockReading:
        return await clocks.read(SHARD, record=postgres_now(), judgement=judgement)

    return look


def postgres_now() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)


async def settled(read: Callable[..., Awaitable[ClockReading]], step: int) -> ClockReading:
    """Have two looks say how far the clock stepped."""
    judgement = ClockJudgement(since=(await read()).since or 0, step=step)
    assert (await read(judgement)).state is ClockState.DOUBT
    return await read(judgement)


@STEPS
async def test_a_step_of_the_clock_takes_no_lease_back_and_passes_no_deadline_before_it_is_settled(
    read: Callable[..., Awaitable[ClockReading]], client: RedisClient, keys: Keys, queue: RedisTaskQueue, step: int
) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=100)
    await queue.push_tasks([a_dispatch("held", deadline=soon), a_dispatch("waits", deadline=soon)])
    [held] = await queue.pop_tasks(Stage.WORK, ["a"])
    assert isinstance(held, Delivery)
    await queue.retry(held.lease, timedelta(seconds=100), "odd")
    [held] = await queue.pop_tasks(Stage.WORK, ["a"])
    assert isinstance(held, Delivery)
    await read()
    await stepped(client, keys, step)
    assert [await queue.reap(3), await queue.expire(), await queue.promote()] == [0, 0, 0]
    assert (await settled(read, step)).step == step
    assert [await queue.reap(3), await queue.expire(), await queue.promote()] == [0, 0, 0]
    assert await queue.extend([held.lease]) == []
    await queue.fail(held.lease, "enough")


@STEPS
async def test_after_a_step_leases_retries_and_deadlines_end_when_they_would_have_ended(
    read: Callable[..., Awaitable[ClockReading]],
    client: RedisClient,
    keys: Keys,
    make_queue: MakeQueue,
    step: int,
) -> None:
    queue = make_queue(0)
    await queue.push_tasks([a_dispatch("held")])
    await queue.pop_tasks(Stage.WORK, ["a"])
    await read()
    await stepped(client, keys, step)
    await settled(read, step)
    assert await queue.reap(3) == 1
    await queue.push_tasks([a_dispatch("late", deadline=datetime.now(UTC) - timedelta(seconds=1))])
    if step > 0:
        # By the real server's clock, which did not step here, the deadline lies as far ahead.
        await client.zadd(f"{keys.shard(0)}:deadline", {a_task("late").id: 1})
    assert await queue.expire() <= 1


async def test_what_time_has_passed_is_no_step(
    read: Callable[..., Awaitable[ClockReading]], client: RedisClient, keys: Keys, make_queue: MakeQueue
) -> None:
    queue = make_queue(0)
    await queue.push_tasks([a_dispatch("held")])
    await queue.pop_tasks(Stage.WORK, ["a"])
    await read()
    await later(client, keys, MINUTES)
    assert (await settled(read, 100)).step == 0
    assert await queue.reap(3) == 1


async def test_two_looks_that_differ_settle_nothing(
    read: Callable[..., Awaitable[ClockReading]], client: RedisClient, keys: Keys
) -> None:
    await read()
    await stepped(client, keys, MINUTES)
    doubted = await read()
    assert doubted.state is ClockState.DOUBTED
    for step in (MINUTES, 0, MINUTES, 0):
        judged = await read(ClockJudgement(since=doubted.since or 0, step=step))
        assert judged.state is ClockState.DOUBT
    assert (await read(ClockJudgement(since=doubted.since or 0, step=100))).state is ClockState.SETTLED


async def test_a_judgement_about_an_earlier_doubt_settles_nothing(
    read: Callable[..., Awaitable[ClockReading]], client: RedisClient, keys: Keys
) -> None:
    await read()
    await stepped(client, keys, MINUTES)
    doubted = await read()
    for _ in range(3):
        assert (await read(ClockJudgement(since=(doubted.since or 0) - 1, step=0))).state is ClockState.DOUBT


async def test_a_doubt_that_nothing_settles_is_over_after_a_minute_and_counts_as_a_step(
    read: Callable[..., Awaitable[ClockReading]], client: RedisClient, keys: Keys
) -> None:
    await read()
    await stepped(client, keys, MINUTES)
    assert (await read()).state is ClockState.DOUBTED
    assert (await read()).state is ClockState.DOUBT
    await client.hincrby(f"{keys.shard(0)}:clock", "since", -60_001)
    last = await read()
    assert last.state is ClockState.OVERDUE
    assert abs(last.step - MINUTES + 60_001) < 5_000


async def test_a_clock_that_steps_while_it_is_in_doubt_is_doubted_anew(
    read: Callable[..., Awaitable[ClockReading]], client: RedisClient, keys: Keys
) -> None:
    await read()
    await stepped(client, keys, MINUTES)
    await read()
    await client.hincrby(f"{keys.shard(0)}:clock", "last", MINUTES)
    assert (await read()).state is ClockState.DOUBTED


async def test_a_clock_that_was_lost_takes_the_offset_that_a_process_remembers(
    clocks: RedisClocks, client: RedisClient, keys: Keys
) -> None:
    await client.delete(f"{keys.shard(0)}:clock")
    reading = await clocks.read(SHARD, record=postgres_now(), offset=-MINUTES)
    assert (reading.state, reading.offset) == (ClockState.SURE, -MINUTES)


async def test_a_reading_is_kept_only_with_the_time_of_postgres_beside_it(
    clocks: RedisClocks, client: RedisClient, keys: Keys
) -> None:
    await clocks.read(SHARD, record=None)
    assert not await client.exists(f"{keys.shard(0)}:clock")
    await clocks.read(SHARD, record=postgres_now() - MINUTES)
    await later(client, keys, 5_000)
    await clocks.read(SHARD, record=None)
    reading, record = map(int, await client.hmget(f"{keys.shard(0)}:clock", "reading", "record"))
    assert abs(reading - record - MINUTES) < 5_000


async def test_a_lease_that_is_prolonged_while_the_clock_is_in_doubt_is_not_taken_back_at_once(
    read: Callable[..., Awaitable[ClockReading]], client: RedisClient, keys: Keys, queue: RedisTaskQueue
) -> None:
    await queue.push_tasks([a_dispatch("held")])
    [held] = await queue.pop_tasks(Stage.WORK, ["a"])
    assert isinstance(held, Delivery)
    await read()
    await later(client, keys, 2 * MINUTES)
    assert await queue.extend([held.lease]) == []
    assert (await settled(read, 0)).step == 0
    assert await queue.reap(3) == 0
    assert await queue.extend([held.lease]) == []
    await client.delete(f"{keys.shard(0)}:grace")
    assert await queue.reap(3) == 0
    await queue.fail(held.lease, "enough")


async def test_a_grace_ends_when_it_would_have_ended_though_the_clock_was_set_back(
    read: Callable[..., Awaitable[ClockReading]], client: RedisClient, keys: Keys, make_queue: MakeQueue
) -> None:
    queue, grace = make_queue(0), f"{keys.shard(0)}:grace"
    await queue.push_tasks([a_dispatch("held")])
    await queue.pop_tasks(Stage.WORK, ["a"])
    await client.set(grace, postgres_now() + MINUTES, px=MINUTES)
    assert await queue.reap(3) == 0
    await client.set(grace, postgres_now() - 1, px=MINUTES)  # By the server's clock it is still there.
    assert await queue.reap(3) == 1


async def test_a_grace_outlives_a_clock_that_is_set_right_before_anyone_looked(
    read: Callable[..., Awaitable[ClockReading]], client: RedisClient, keys: Keys, queue: RedisTaskQueue
) -> None:
    grace = f"{keys.shard(0)}:grace"
    await queue.push_tasks([a_dispatch("held")])
    [held] = await queue.pop_tasks(Stage.WORK, ["a"])
    assert isinstance(held, Delivery)
    await read()
    await stepped(client, keys, -MINUTES)
    assert await queue.extend([held.lease]) == []
    assert await client.pttl(grace) == -1, "it would expire when the clock is set right"
    await stepped(client, keys, MINUTES)
    assert (await read()).state is ClockState.SURE
    assert await client.pttl(grace) > 0
    await queue.fail(held.lease, "enough")


async def test_the_board_tells_of_a_doubt_and_of_a_step(
    read: Callable[..., Awaitable[ClockReading]], client: RedisClient, keys: Keys, queue: RedisTaskQueue
) -> None:
    await read()
    assert (await queue.counts()).clock == ""
    await stepped(client, keys, MINUTES)
    await read()
    assert "no lease ends" in (await queue.counts()).clock
    await settled(read, MINUTES)
    assert (await queue.counts()).clock.startswith("Redis' clock stepped by +300 s 0 s ago: leases")


async def test_the_fleet_has_a_clock_of_its_own(clocks: RedisClocks, client: RedisClient, keys: Keys) -> None:
    assert clocks.names == (SHARD, FLEET)
    assert (await clocks.read(FLEET, record=postgres_now())).state is ClockState.SURE
    await stepped(client, keys, MINUTES, keys.fleet)
    assert (await clocks.read(FLEET, record=None)).state is ClockState.DOUBTED
    assert (await clocks.read(SHARD, record=None)).state is ClockState.SURE
