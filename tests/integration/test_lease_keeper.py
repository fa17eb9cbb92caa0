"""The keeper as a process of its own, on a real Redis: it keeps what its process holds, and no longer than it should."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.lease_keeper import KeeperOptions, ProcessKeeper
from chimera_cli.adapters.redis_client import open_redis
from chimera_cli.adapters.redis_queue import RedisTaskQueue
from chimera_cli.models.delivery import Lease, Stage
from chimera_cli.models.policy import LeasePolicy
from tests.builders import a_dispatch
from tests.vouching import vouch

LEASES = LeasePolicy(lease=timedelta(seconds=60), beat=timedelta(seconds=0.05))
KEYS = Keys("kept")


class Place:
    """A queue with claimed tasks and a keeper beside it."""

    def __init__(self, client: object, queue: RedisTaskQueue, keeper: ProcessKeeper, said: list[str]) -> None:
        self.client, self.queue, self.keeper, self.said = client, queue, keeper, said
        self.leases: list[Lease] = []

    async def claim(self, *tasks: str) -> None:
        await self.queue.push_tasks([a_dispatch(task) for task in tasks])
        claimed = await self.queue.pop_tasks(Stage.WORK, [f"a{n}" for n, _ in enumerate(tasks)])
        self.leases = [delivery.lease for delivery in claimed]
        for lease in self.leases:
            self.keeper.hold(lease)

    async def ends(self) -> list[float]:
        return [await self.client.zscore(f"{KEYS.shard(0)}:work:lease", lease.task_id) for lease in self.leases]

    async def until(self, true: Callable[[], object], *, step: bool = True) -> None:
        """Wait, as an event loop that goes on or one that stands still."""
        async with asyncio.timeout(30):
            while not true():
                if step:
                    self.keeper.step()
                await asyncio.sleep(0.02)

    @property
    def pid(self) -> int:
        assert self.keeper._process is not None
        return self.keeper._process.pid


@asynccontextmanager
async def placed(redis_url: str, policy: LeasePolicy = LEASES) -> AsyncIterator[Place]:
    async with open_redis(redis_url) as client:
        await client.flushdb()
        await vouch(client, KEYS)
        said: list[str] = []
        options = KeeperOptions(url=redis_url, keys=KEYS, process="host:1:x", agents=5, lease=policy)
        keeper = ProcessKeeper(options, notice=said.append)
        try:
            yield Place(client, RedisTaskQueue(client, KEYS, policy), keeper, said)
        finally:
            await keeper.close()


async def test_it_prolongs_what_is_held_and_tells_what_is_lost(redis_url: str) -> None:
    async with placed(redis_url) as place:
        await place.claim("t1", "t2")
        before = await place.ends()
        await place.keeper.mend()
        await place.until(lambda: place.keeper.keeps(place.leases[0]))
        assert all(now > then for now, then in zip(await place.ends(), before, strict=True))
        assert place.keeper.lost() == []
        await place.queue.give_back(place.leases[1])
        lost: list[Lease] = []
        await place.until(lambda: lost.extend(place.keeper.lost()) or lost)
        assert set(lost) == {place.leases[1]}
        place.keeper.let_go(place.leases[1])
        assert not place.keeper.keeps(place.leases[1])


async def test_it_stops_when_the_loop_has_stood_still_for_longer_than_the_patience(redis_url: str) -> None:
    short = LeasePolicy(lease=timedelta(seconds=0.1), beat=timedelta(seconds=0.05))  # patience: 5 s
    async with placed(redis_url, short) as place:
        await place.keeper.mend()
        lease = Lease(task_id="t1", goal_id="g1", generation=1, agent="a0", stage=Stage.WORK)
        place.keeper.hold(lease)
        await place.until(lambda: place.keeper.keeps(lease))
        await place.until(lambda: not place.keeper.keeps(lease), step=False)
        await place.until(lambda: place.keeper.keeps(lease))  # The loop goes on, and so does the keeper.


async def test_one_that_died_is_told_and_replaced_and_its_leases_are_not_taken_for_kept(redis_url: str) -> None:
    async with placed(redis_url) as place:
        await place.claim("t1")
        await place.keeper.mend()
        await place.until(lambda: place.keeper.keeps(place.leases[0]))
        first = place.pid
        os.kill(first, signal.SIGKILL)
        await place.until(lambda: place.keeper._process.returncode is not None)
        await place.until(lambda: not place.keeper.keeps(place.leases[0]))
        await place.keeper.mend()
        assert place.pid != first
        assert place.said == [f"the keeper of the leases ended with {-signal.SIGKILL}, another one is started"]
        await place.until(lambda: place.keeper.keeps(place.leases[0]))


async def test_it_goes_on_after_redis_was_away(redis_url: str) -> None:
    async with placed(redis_url) as place:
        await place.claim("t1")
        await place.keeper.mend()
        await place.until(lambda: place.keeper.keeps(place.leases[0]))
        for client in await place.client.client_list(_type="normal"):
            if int(client["id"]) != await place.client.client_id():
                await place.client.client_kill_filter(_id=client["id"])
        await place.client.script_flush()
        before = await place.ends()
        async with asyncio.timeout(30):
            while await place.ends() <= before:
                place.keeper.step()
                await asyncio.sleep(0.02)


async def test_no_password_stands_on_its_command_line(redis_url: str) -> None:
    async with placed(redis_url) as place:
        await place.keeper.mend()
        listing = await asyncio.create_subprocess_exec(
            "ps", "-o", "args=", "-p", str(place.pid), stdout=subprocess.PIPE
        )
        shown = (await listing.communicate())[0].decode()
        assert "keeper_process" in shown
        assert "redis:" not in shown
        assert "unix:" not in shown


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_signals_that_drain_a_role_do_not_end_its_keeper(redis_url: str, number: signal.Signals) -> None:
    async with placed(redis_url) as place:
        await place.claim("t1")
        await place.keeper.mend()
        await place.until(lambda: place.keeper.keeps(place.leases[0]))
        os.kill(place.pid, number)
        before = await place.ends()
        async with asyncio.timeout(30):
            while await place.ends() <= before:
                place.keeper.step()
                await asyncio.sleep(0.02)
        assert place.said == []
