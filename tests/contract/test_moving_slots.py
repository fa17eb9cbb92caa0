"""Slots of a cluster that move to another node under the swarm: a script sees all of its keys or is refused."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest

from chimera_cli.adapters.keys import Keys, slot
from chimera_cli.adapters.redis_client import RedisClient, open_redis
from chimera_cli.adapters.redis_cluster import ListeningCluster
from chimera_cli.adapters.redis_errors import redis_errors
from chimera_cli.adapters.redis_queue import RedisTaskQueue
from chimera_cli.adapters.scripts import Scripts, load_scripts
from chimera_cli.exceptions import BackendUnavailable
from chimera_cli.models.delivery import Stage
from chimera_cli.models.identity import shard_of
from chimera_cli.models.policy import LeasePolicy
from chimera_cli.simulation.chaos.slots import MovingSlots
from tests.builders import a_dispatch
from tests.servers import Servers
from tests.vouching import vouch

pytestmark = pytest.mark.cluster
SHARDS = 2
GOALS = {shard_of(goal, SHARDS): goal for goal in (letter * 20 for letter in "abcdefgh")}
"""A goal of each shard."""
TASKS = 20


@pytest.fixture
def slots(servers: Servers) -> Iterator[MovingSlots]:
    with MovingSlots([node.url for node in servers.cluster]) as slots:
        yield slots


@pytest.fixture
async def client(cluster_url: str) -> AsyncIterator[RedisClient]:
    async with open_redis(cluster_url) as client:
        yield client


@pytest.fixture
async def cut(client: RedisClient, keys: Keys) -> Keys:
    """Key names of a swarm of two shards that somebody vouches for."""
    made = Keys(keys.namespace, SHARDS)
    await vouch(client, made)
    return made


@pytest.fixture
async def queue(client: RedisClient, cut: Keys) -> RedisTaskQueue:
    queue = RedisTaskQueue(client, cut, LeasePolicy())
    await queue.push_tasks([a_dispatch(f"t{n}", goal=goal) for goal in GOALS.values() for n in range(TASKS)])
    return queue


class Move:
    """Shard 0's slot on its way to another node, and back at the end of the test."""

    def __init__(self, slots: MovingSlots, tag: str) -> None:
        self._slots, self._slot = slots, slot(tag.strip("{}"))
        self._home = slots.owner(self._slot)
        self._source, self._target = self._home, (self._home + 1) % 3
        self._moving = False

    def begin(self) -> None:
        self._slots.begin(self._slot, self._source, self._target)
        self._moving = True

    def carry(self, count: int) -> int:
        return self._slots.carry(self._slot, self._source, self._target, count)

    def end(self) -> None:
        if self._moving:
            while self.carry(100):
                pass
            self._slots.end(self._slot, self._source, self._target)
            self._moving = False

    def keys(self) -> tuple[set[str], set[str]]:
        """Name the keys on both nodes."""
        return self._slots.keys(self._source, self._slot), self._slots.keys(self._target, self._slot)

    def back(self) -> None:
        self.end()
        self._slots.move(self._slot, self._home)


@pytest.fixture
def move(slots: MovingSlots, cut: Keys) -> Iterator[Move]:
    move = Move(slots, cut.shard(0))
    yield move
    move.back()


@pytest.mark.parametrize("carried", [0, 1, TASKS // 2, TASKS + 3])
async def test_no_script_runs_while_its_keys_are_on_the_move(
    client: RedisClient, cut: Keys, queue: RedisTaskQueue, move: Move, carried: int
) -> None:
    move.begin()
    move.carry(carried) if carried else None
    before = move.keys()
    assert len(before[1]) == carried
    scripts = Scripts(client)
    for name in load_scripts():
        with pytest.raises(BackendUnavailable, match="being moved"), redis_errors():
            await scripts.call(name, cut.shard(0), *["1"] * 12)
    assert move.keys() == before
    move.end()
    assert move.keys()[0] == set(), "a key came back to the node that the slot has left"


async def test_a_shard_that_has_moved_stands_still_until_it_is_compared_and_lacks_nothing(
    client: RedisClient, cut: Keys, queue: RedisTaskQueue, move: Move
) -> None:
    move.begin()
    move.end()
    with pytest.raises(BackendUnavailable, match="being compared"):
        await queue.promote()
    await vouch(client, cut)
    assert (await queue.counts()).waiting == SHARDS * TASKS
    agents = [f"agent-{n}" for n in range(SHARDS * TASKS)]
    assert len(await queue.pop_tasks(Stage.WORK, agents)) == SHARDS * TASKS


async def test_what_other_shards_ring_is_heard_while_a_slot_moves(
    client: RedisClient, cut: Keys, queue: RedisTaskQueue, move: Move
) -> None:
    while await queue.pop_tasks(Stage.WORK, ["a", "b", "c", "d", "e"]):
        pass
    for shard in range(SHARDS):
        await client.delete(f"{cut.shard(shard)}:work:bell")
    waiting = asyncio.create_task(queue.pop_tasks(Stage.WORK, ["a"], patience=timedelta(seconds=4)))
    await queue.counts()
    move.begin()
    move.carry(TASKS)
    await queue.push_tasks([a_dispatch("more", goal=GOALS[1])])
    assert [delivery.lease.goal_id for delivery in await waiting] == [GOALS[1]]
    assert await client.llen(f"{cut.shard(1)}:work:bell") == 0, "its patience was over, no bell was heard"


async def test_one_that_listens_outlives_a_map_of_slots_that_is_read_again(
    client: RedisClient, cut: Keys, queue: RedisTaskQueue
) -> None:
    assert isinstance(client, ListeningCluster)
    while await queue.pop_tasks(Stage.WORK, ["a", "b", "c", "d", "e"]):
        pass
    for shard in range(SHARDS):
        await client.delete(f"{cut.shard(shard)}:work:bell")
    waiting = asyncio.create_task(queue.pop_tasks(Stage.WORK, ["a"], patience=timedelta(seconds=4)))
    await queue.counts()
    await client.aclose()
    await queue.push_tasks([a_dispatch("more", goal=GOALS[1])])
    assert [delivery.lease.goal_id for delivery in await waiting] == [GOALS[1]]
    assert await client.llen(f"{cut.shard(1)}:work:bell") == 0, "its patience was over, no bell was heard"
