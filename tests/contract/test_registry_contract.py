"""What AgentRegistryPort promises, on every Redis."""

import json
from datetime import timedelta

import pytest

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import RedisClient
from chimera_cli.adapters.redis_registry import RedisAgentRegistry
from chimera_cli.adapters.scripts import Scripts
from chimera_cli.models.agent import AgentHeartbeat, AgentStatus, Liveness, ProcessBeat, Role


@pytest.fixture
def registry(user: RedisClient, keys: Keys) -> RedisAgentRegistry:
    return RedisAgentRegistry(user, keys)


@pytest.fixture
def scripts(user: RedisClient) -> Scripts:
    return Scripts(user)


def a_beat(process: str = "host:1", agents: int = 1, status: AgentStatus = AgentStatus.IDLE) -> ProcessBeat:
    members = tuple(AgentHeartbeat(id=f"{process}-{n}", role=Role.WORKER, status=status) for n in range(agents))
    return ProcessBeat(process=process, period=timedelta(seconds=5), agents=members)


async def test_all_agents_of_a_beat_are_in_the_fleet_and_alive(registry: RedisAgentRegistry) -> None:
    await registry.beat(a_beat("host:1", 3))
    await registry.beat(a_beat("host:2", 2))
    fleet = await registry.fleet()
    assert [member.id for member in fleet] == ["host:1-0", "host:1-1", "host:1-2", "host:2-0", "host:2-1"]
    assert {member.liveness for member in fleet} == {Liveness.ALIVE}


async def test_a_process_tells_how_late_its_loop_comes_and_an_older_release_need_not(
    registry: RedisAgentRegistry, client: RedisClient, keys: Keys
) -> None:
    await registry.beat(a_beat("host:1").model_copy(update={"loop_lag": timedelta(milliseconds=250)}))
    older = json.loads(a_beat("host:2").model_dump_json(exclude={"loop_lag"}))
    await client.hset(f"{keys.fleet}:fleet", "host:2", json.dumps(older))
    await client.zadd(f"{keys.fleet}:beats", {"host:2": 1})
    assert [member.loop_lag for member in await registry.fleet()] == [timedelta(milliseconds=250), None]


async def test_a_process_tells_whether_it_has_the_key_and_one_of_an_older_release_counts_as_having_it(
    registry: RedisAgentRegistry, client: RedisClient, keys: Keys
) -> None:
    await registry.beat(a_beat("host:1").model_copy(update={"has_key": False}))
    await client.hset(f"{keys.fleet}:fleet", "host:2", a_beat("host:2").model_dump_json(exclude={"has_key"}))
    await client.zadd(f"{keys.fleet}:beats", {"host:2": 1})
    assert [member.has_key for member in await registry.fleet()] == [False, True]


async def test_a_beat_replaces_the_one_before(registry: RedisAgentRegistry) -> None:
    await registry.beat(a_beat(agents=3))
    await registry.beat(a_beat(agents=1, status=AgentStatus.BUSY))
    assert [member.state for member in await registry.fleet()] == [AgentStatus.BUSY]


async def test_a_process_that_leaves_is_off_the_list(registry: RedisAgentRegistry) -> None:
    await registry.beat(a_beat())
    await registry.leave("host:1")
    await registry.leave("host:1")
    assert await registry.fleet() == []


async def test_silent_processes_are_swept_and_others_are_not(registry: RedisAgentRegistry) -> None:
    await registry.beat(a_beat())
    assert await registry.sweep(timedelta(minutes=1)) == 0
    assert await registry.sweep(timedelta(seconds=-1)) == 1
    assert await registry.fleet() == []


async def test_an_agent_that_missed_three_beats_is_listed_as_dead(
    registry: RedisAgentRegistry, client: RedisClient, keys: Keys
) -> None:
    await registry.beat(a_beat())
    await client.zincrby(f"{keys.fleet}:beats", -20_000, "host:1")
    [member] = await registry.fleet()
    assert member.liveness is Liveness.DEAD
    assert member.beat_age >= timedelta(seconds=20)


async def test_a_beat_of_another_release_or_of_nobody_hides_no_one(
    registry: RedisAgentRegistry, client: RedisClient, keys: Keys
) -> None:
    await registry.beat(a_beat("host:1"))
    newer = json.loads(a_beat("host:2").model_dump_json())
    newer["agents"][0]["mood"] = newer["weather"] = "fine"
    for process, text in (("host:2", json.dumps(newer)), ("host:3", "{}"), ("host:4", "no json")):
        await client.zadd(f"{keys.fleet}:beats", {process: 4e12})
        await client.hset(f"{keys.fleet}:fleet", process, text)
    assert [member.process for member in await registry.fleet()] == ["host:1", "host:2"]


async def test_a_process_whose_keeper_says_so_is_listed_as_stalled_until_it_beats_again(
    registry: RedisAgentRegistry, scripts: Scripts, keys: Keys
) -> None:
    await registry.beat(a_beat())
    assert await scripts.call("stall", keys.fleet, "host:1", 12_500) == 1
    [member] = await registry.fleet()
    assert (member.liveness, member.stalled_for) == (Liveness.STALLED, timedelta(seconds=12.5))
    await registry.beat(a_beat())
    assert [member.liveness for member in await registry.fleet()] == [Liveness.ALIVE]


async def test_a_keeper_brings_no_process_back_that_has_left(
    registry: RedisAgentRegistry, client: RedisClient, scripts: Scripts, keys: Keys
) -> None:
    await registry.beat(a_beat())
    await registry.leave("host:1")
    assert await scripts.call("stall", keys.fleet, "host:1", 12_500) == 0
    assert await registry.fleet() == []
    assert await client.exists(f"{keys.fleet}:stalled") == 0


async def test_a_stalled_process_that_dies_is_dead_and_is_swept_whole(
    registry: RedisAgentRegistry, client: RedisClient, scripts: Scripts, keys: Keys
) -> None:
    await registry.beat(a_beat())
    await scripts.call("stall", keys.fleet, "host:1", 12_500)
    await client.zincrby(f"{keys.fleet}:beats", -20_000, "host:1")
    assert [member.liveness for member in await registry.fleet()] == [Liveness.DEAD]
    assert await registry.sweep(timedelta(seconds=10)) == 1
    assert await client.exists(f"{keys.fleet}:stalled") == 0
