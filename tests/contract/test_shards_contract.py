"""A swarm cut into shards: work on each of them is heard, none is served before the others, and one that is away holds up none."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import RedisClient, open_redis
from chimera_cli.adapters.redis_queue import RedisTaskQueue
from chimera_cli.agents.claims import Claims, Wanted
from chimera_cli.exceptions import BackendUnavailable
from chimera_cli.models.delivery import Delivery, Stage
from chimera_cli.models.identity import shard_of
from chimera_cli.models.policy import LeasePolicy
from tests.builders import a_dispatch, a_result
from tests.contract.conftest import connections
from tests.vouching import vouch

SHARDS = 3
GOALS = {shard_of(goal, SHARDS): goal for goal in (letter * 20 for letter in "abcdefgh")}
"""A goal of each shard."""


@pytest.fixture
async def cut(client: RedisClient, keys: Keys) -> Keys:
    """Key names of a swarm of three shards that somebody vouches for."""
    made = Keys(keys.namespace, SHARDS)
    await vouch(client, made)
    return made


@pytest.fixture
def queue(client: RedisClient, cut: Keys) -> RedisTaskQueue:
    return RedisTaskQueue(client, cut, LeasePolicy())


async def pop(queue: RedisTaskQueue, *agents: str) -> list[Delivery]:
    """Claim what there is for these agents."""
    popped = await queue.pop_tasks(Stage.WORK, agents)
    return [delivery for delivery in popped if isinstance(delivery, Delivery)]


async def heard(queue: RedisTaskQueue) -> list[str]:
    """Claim for one agent when a bell rings or patience is over, and return the goals of what it got."""
    async with asyncio.timeout(10):
        claimed = await queue.pop_tasks(Stage.WORK, ["a"], patience=timedelta(seconds=4))
    return [delivery.lease.goal_id for delivery in claimed]


async def make_suspect(queue: RedisTaskQueue, client: RedisClient, cut: Keys) -> None:
    """Have a task of shard 1 outlive two processes."""
    vanishing = RedisTaskQueue(client, cut, LeasePolicy(lease=timedelta(0)))
    await queue.push_tasks([a_dispatch(goal=GOALS[1])])
    for _ in range(2):
        assert await pop(vanishing, "a")
        assert await queue.reap(3)


async def test_the_bell_of_every_shard_wakes_a_process(queue: RedisTaskQueue, client: RedisClient, cut: Keys) -> None:
    for shard in (2, 0, 1):
        waiting = asyncio.create_task(heard(queue))
        await queue.counts()
        await queue.push_tasks([a_dispatch(goal=GOALS[shard])])
        assert await waiting == [GOALS[shard]]
        assert await client.llen(f"{cut.shard(shard)}:work:bell") == 0, "its patience was over, no bell was heard"


async def test_a_patient_claim_is_roused_on_any_server(queue: RedisTaskQueue, client: RedisClient, cut: Keys) -> None:
    waiting = asyncio.create_task(heard(queue))
    await queue.counts()
    await queue.rouse()
    assert await waiting == []
    assert [key async for key in client.scan_iter(match=f"{cut.shard(0)}:bell:*")] == [], "its bell was not heard"


async def test_a_bell_that_rings_between_two_patient_claims_is_heard_by_the_second(
    queue: RedisTaskQueue, client: RedisClient, cut: Keys
) -> None:
    assert await queue.pop_tasks(Stage.WORK, ["a"], patience=timedelta(milliseconds=10)) == []
    await queue.push_tasks([a_dispatch(goal=GOALS[1])])
    assert await heard(queue) == [GOALS[1]]
    assert await client.llen(f"{cut.shard(1)}:work:bell") == 0, "its patience was over, no bell was heard"


async def test_a_patient_claim_that_is_cancelled_leaves_its_connections_usable(queue: RedisTaskQueue) -> None:
    waiting = asyncio.create_task(heard(queue))
    await queue.counts()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await queue.push_tasks([a_dispatch(goal=goal) for goal in GOALS.values()])
    assert len(await heard(queue)) == 1
    assert (await queue.counts()).waiting == SHARDS - 1


@pytest.mark.parametrize("shards", [2, 3])
async def test_no_shard_is_served_before_the_others(client: RedisClient, keys: Keys, shards: int) -> None:
    keys = Keys(keys.namespace, shards)
    await vouch(client, keys)
    queue = RedisTaskQueue(client, keys, LeasePolicy())
    await queue.push_tasks([a_dispatch(f"t{n}", goal=letter * 20) for letter in "abcdefgh" for n in range(5)])
    served = set()
    for _ in range(shards):
        # A look for what must be claimed alone goes before.
        assert await queue.pop_suspect(Stage.WORK, "a") is None
        served |= {shard_of(delivery.lease.goal_id, shards) for delivery in await pop(queue, "a")}
    assert served == set(range(shards))


async def test_a_suspect_of_one_shard_is_claimed_though_the_others_always_have_work(
    queue: RedisTaskQueue, client: RedisClient, cut: Keys
) -> None:
    await make_suspect(queue, client, cut)
    await queue.push_tasks([a_dispatch(f"t{n}", goal=goal) for goal in GOALS.values() for n in range(2 * SHARDS)])
    claims = []
    for _ in range(SHARDS):
        claims.append(await queue.pop_tasks(Stage.WORK, ["a", "b"], idle=True))
        await pop(queue, "a")  # By others of the process, in between.
    assert [len(claim) for claim in claims if claim[0].alone] == [1]


async def test_whoever_came_to_rest_for_a_suspect_claims_it_though_other_shards_have_work(
    queue: RedisTaskQueue, client: RedisClient, cut: Keys
) -> None:
    await make_suspect(queue, client, cut)
    await queue.push_tasks([a_dispatch(f"t{n}", goal=goal) for goal in GOALS.values() for n in range(SHARDS)])
    hands: Any = ["busy"]
    claims = Claims(queue, hands, Wanted(stage=Stage.WORK, kinds=(), process="p1"))
    await claims.look()
    assert claims.closed
    hands.clear()
    assert [delivery.alone for delivery in await claims.take(["a", "b"])] == [True]


async def test_what_was_claimed_on_one_shard_is_handed_over_though_another_is_away(
    queue: RedisTaskQueue, client: RedisClient, cut: Keys
) -> None:
    await queue.push_tasks([a_dispatch(f"t{n}", goal=GOALS[0]) for n in range(SHARDS)])
    await client.delete(f"{cut.shard(1)}:run")
    for _ in range(SHARDS):
        [delivery] = await pop(queue, "a")
        await queue.complete(delivery.lease, a_result())
    with pytest.raises(BackendUnavailable):
        await queue.pop_tasks(Stage.WORK, ["a"])


async def test_leases_and_delays_of_one_shard_are_looked_after_though_another_is_away(
    queue: RedisTaskQueue, client: RedisClient, cut: Keys
) -> None:
    await queue.push_tasks([a_dispatch(key, goal=goal) for key in ("one", "two") for goal in GOALS.values()])
    held = await pop(queue, *(f"agent-{n}" for n in range(2 * SHARDS)))
    assert await queue.extend([delivery.lease for delivery in held]) == []
    last = [delivery for delivery in held if delivery.lease.goal_id == GOALS[2]]
    await queue.retry(last[0].lease, timedelta(0), "again")
    await client.zadd(f"{cut.shard(2)}:work:lease", {last[1].lease.task_id: 1})
    await client.delete(f"{cut.shard(0)}:run")
    with pytest.raises(BackendUnavailable):
        await queue.promote()
    with pytest.raises(BackendUnavailable):
        await queue.extend([delivery.lease for delivery in held])
    assert await client.zscore(f"{cut.shard(2)}:work:lease", last[1].lease.task_id) > 1
    assert [delivery.lease.goal_id for delivery in await pop(queue, "a")] == [GOALS[2]]


@pytest.mark.cluster
async def test_three_shards_stand_on_three_nodes(cluster_url: str) -> None:
    async with open_redis(cluster_url) as client:
        await client.initialize()
        for namespace in ("default", "a", "b"):
            keys = Keys(namespace, SHARDS)
            nodes = {client.get_node_from_key(f"{keys.shard(shard)}:out") for shard in range(SHARDS)}
            assert len(nodes) == SHARDS


@pytest.mark.cluster
async def test_who_listens_when_the_client_is_closed_leaves_no_connection(cluster_url: str) -> None:
    before = connections()
    async with open_redis(cluster_url) as client:
        queue = RedisTaskQueue(client, Keys("nobody's", SHARDS), LeasePolicy())
        with pytest.raises(BackendUnavailable, match="being compared"):  # Nobody vouches for it.
            await queue.pop_tasks(Stage.WORK, ["a"], patience=timedelta(milliseconds=50))
    assert connections() <= before
