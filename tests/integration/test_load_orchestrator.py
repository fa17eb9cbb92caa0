"""A thousand agents beat and pull through several orchestrators at once: no task goes to two of them and nothing fails.

How long it takes is reported at the end of the run and never asserted, for that would test the machine; the benchmarks measure it.
What is asserted is what an operation costs the servers, counted in commands: the same however much there is of everything else.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from uuid import uuid4

import psycopg
import pytest
from pydantic import SecretStr

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import open_redis
from chimera_cli.adapters.redis_queue import LEASES_AT_ONCE, RedisTaskQueue
from chimera_cli.adapters.redis_registry import RedisAgentRegistry
from chimera_cli.config import Settings
from chimera_cli.models.delivery import Delivery, Lease, Stage
from chimera_cli.models.policy import LeasePolicy
from chimera_cli.simulation.history.checker import check_history
from chimera_cli.simulation.history.history import Timing
from chimera_cli.simulation.history.reading import read_history
from tests.builders import a_dispatch, a_goal, a_result, a_spec
from tests.contract.swarm_pair import Pair, open_pair
from tests.integration.command_counts import RedisCommands, statements
from tests.integration.load import Agent, Watch, a_beat, a_swarm, housekeeping
from tests.servers import Servers
from tests.vouching import vouch

ORCHESTRATORS = 4
AGENTS = 1000
ROUNDS = 3
"""Tasks that each agent pulls; there are as many as all of them pull together."""
GOALS = 30
LEASE_S = 600.0
Report = Callable[[str, object], None]


@pytest.mark.parametrize(("server", "shards"), [("redis", 1), ("cluster", 3)])
async def test_of_a_thousand_agents_on_four_orchestrators_no_two_hold_one_task_and_each_task_ends_once(
    request: pytest.FixtureRequest, fresh_database: str, record_property: Report, server: str, shards: int
) -> None:
    settings = Settings(
        _env_file=None,
        DATABASE_URL=SecretStr(fresh_database),
        REDIS_URL=SecretStr(request.getfixturevalue(f"{server}_url")),
        namespace=f"load-{uuid4().hex}",
        shards=shards,
        lease_s=LEASE_S,
    )
    watch = Watch()
    async with AsyncExitStack() as stack:
        swarms = [await stack.enter_async_context(a_swarm(settings)) for _ in range(ORCHESTRATORS)]
        for number in range(GOALS):
            tasks = [a_spec(f"t{n}") for n in range(AGENTS * ROUNDS // GOALS)]
            await swarms[0].record.submit(a_goal(f"{number:020x}"), tasks)
        await swarms[0].orchestrator.reconcile()
        await asyncio.gather(*(swarm.orchestrator.dispatch() for swarm in swarms))
        agents = [Agent(f"agent-{n}", swarms[n % ORCHESTRATORS], watch) for n in range(AGENTS)]
        async with housekeeping(swarms):
            held = list(chain(*await asyncio.gather(*(agent.live(ROUNDS) for agent in agents))))
        fleet = await swarms[0].registry.fleet()
    for what in ("heartbeat", "pull", "finish"):
        record_property(f"{what} of {AGENTS} agents at once, {server}", watch.percentiles(what))
    assert watch.most["heartbeat"] == watch.most["pull"] == AGENTS, "they did not come at once"
    assert len({claim.task for claim in held}) == len(held) == AGENTS * ROUNDS
    assert {claim.generation for claim in held} == {1}
    assert sorted(member.id for member in fleet) == sorted(agent.id for agent in agents)
    lives = {claim.task: ["task.queued", "task.started", "task.completed"] for claim in held}
    assert told(fresh_database) == (lives, {claim.task: claim.agent for claim in held})
    history = read_history(
        fresh_database, settings.redis_url.get_secret_value(), namespace=settings.namespace, shards=shards
    )
    assert {goal.status for goal in history.goals} == {"COMPLETED"}
    assert check_history(history, ended=True, timing=Timing(lease=timedelta(seconds=LEASE_S))) == []


def told(database_url: str) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Return what the record tells of each task: the names of its events in order, and who is said to have ended it."""
    names: dict[str, list[str]] = {}
    agents: dict[str, str] = {}
    with psycopg.connect(database_url) as connection:
        for task, name, agent in connection.execute("SELECT task_id, name, agent FROM events ORDER BY seq"):
            names.setdefault(task, []).append(name)
            agents[task] = agent
    return names, agents


@dataclass(frozen=True)
class Size:
    """How much there is beside the tasks that are looked at."""

    waiting: int = 300
    agents: int = 10
    """Agents that beat and hold a task each."""
    goals: int = 1
    """Goals that the tasks belong to."""


SEEN = 5
"""Tasks that are looked at."""
SIZES = [Size(), Size(waiting=5000), Size(agents=1000), Size(goals=50)]
MOST = {"claim": 17, "finish": 12, "prolong": 10, "beat": 7}
"""Commands that one of these may cost Redis, those that its script gives included: of those that change work one is the write that
a script begins with (ADR 0025), and one reads whether the clock is in doubt (ADR 0033)."""


async def filled(pair: Pair, size: Size) -> None:
    """Bring a swarm to a size, and everything there is on record."""
    each = (size.waiting + size.agents) // size.goals
    for number in range(size.goals):
        await pair.record.submit(a_goal(f"{number:020x}"), [a_spec(f"t{n}") for n in range(each)])
    await pair.orchestrator.reconcile()
    await pair.orchestrator.dispatch()
    names = [f"agent-{n}" for n in range(size.agents)]
    registry = RedisAgentRegistry(pair.client, pair.keys)
    await asyncio.gather(*(registry.beat(a_beat(name)) for name in names))
    await pair.queue.extend([held.lease for held in await pair.queue.pop_tasks(Stage.WORK, names)])
    # One more of everything, so that the server knows all scripts; then housekeeping comes to rest.
    await pair.queue.complete((await pair.claim()).lease, a_result())
    while await pair.orchestrator.tick():
        pass


async def costs(pair: Pair, redis_url: str) -> dict[str, Counter[str]]:
    """Return what one of each costs the servers: commands of Redis, statements of Postgres."""
    found: dict[str, Counter[str]] = {}

    async def look(name: str, *work: Callable[[], object]) -> None:
        async with RedisCommands(redis_url) as commands:
            with statements(pair.engine) as heard:
                for step in work:
                    await step()  # type: ignore[misc]
        found[name] = Counter(commands) + Counter(statements=len(heard))

    held: list[Delivery] = []

    async def claim() -> None:
        held.append(await pair.claim(agent="looked at"))

    registry = RedisAgentRegistry(pair.client, pair.keys)
    await look("claim", *[claim] * SEEN)
    await look("prolong", *(lambda one=one: pair.queue.extend([one.lease]) for one in held))
    await look("beat", *[lambda: registry.beat(a_beat("looked at"))] * SEEN)
    await look("finish", *(lambda one=one: pair.queue.complete(one.lease, a_result("done")) for one in held))
    await look("record", pair.orchestrator.record)
    # By the clock a page of the sweep may be due, and the note that this Redis is in use.
    pair.write("UPDATE sweeps SET due_at = 'infinity'")
    pair.write("UPDATE shards SET seen_at = clock_timestamp()")
    await look("idle housekeeping", pair.orchestrator.tick)
    return found


async def test_what_an_operation_costs_is_the_same_however_much_waits_runs_and_beats(
    servers: Servers, record_property: Report
) -> None:
    found: dict[Size, dict[str, Counter[str]]] = {}
    for size in SIZES:
        database = servers.new_database()
        async with open_pair(servers.redis.url, servers.postgres.url_of(database), lease_s=LEASE_S) as pair:
            await filled(pair, size)
            found[size] = await costs(pair, servers.redis.url)
        servers.drop_database(database)
    usual = found[Size()]
    for name, cost in usual.items():
        record_property(f"redis commands, {name}", f"{cost.total() - cost['statements']}: {dict(cost)}")
    for size in SIZES:
        assert found[size] == usual, size
    for name, most in MOST.items():
        assert usual[name]["evalsha"] == SEEN
        assert usual[name].total() <= SEEN * most
    assert usual["claim"]["xadd"] == usual["finish"]["xadd"] == SEEN, "one event a change of status"


async def test_what_a_process_claims_and_prolongs_at_once_costs_no_more_for_each_and_never_holds_the_server_up(
    redis_url: str,
) -> None:
    many = 2 * LEASES_AT_ONCE
    async with open_redis(redis_url) as client:
        keys = Keys(uuid4().hex)
        await vouch(client, keys)
        queue = RedisTaskQueue(client, keys, LeasePolicy(lease=timedelta(seconds=LEASE_S)))
        await queue.push_tasks([a_dispatch(f"t{n}") for n in range(2 * many)])
        claims: list[Counter[str]] = []
        held: list[Lease] = []
        for count in (1, 2, 12, many):
            async with RedisCommands(redis_url) as commands:
                claimed = await queue.pop_tasks(Stage.WORK, [f"agent-{n}" for n in range(count)])
            held += [delivery.lease for delivery in claimed]
            claims.append(Counter(commands))
        assert await queue.extend(held[:1]) == []
        each = claims[2] - claims[1]  # of ten tasks more
        assert each == Counter(hgetall=10, hset=10, xadd=10)
        assert claims[3] - claims[2] == Counter({name: calls * (many - 12) // 10 for name, calls in each.items()})
        async with RedisCommands(redis_url) as commands:
            assert await queue.extend(held) == []
        calls = -(-len(held) // LEASES_AT_ONCE)
        assert commands["evalsha"] + commands["eval"] == calls
        assert commands["zadd"] == len(held) + calls, "one a lease, and the one that a script begins with"
