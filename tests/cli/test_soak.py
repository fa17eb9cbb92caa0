"""Many small goals in a row through real processes: whatever the stores and the processes hold of them is gone when they end."""

import os
import re
import secrets
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis

import chimera_cli
from chimera_cli import TaskSpec
from chimera_cli.config import Settings
from chimera_cli.local.process import free_port
from chimera_cli.local.redis_server import RedisServer
from chimera_cli.local.stand_in import API_KEY, MODEL_NAME
from tests.cli.driver import KINDS, Line, Running
from tests.servers import or_skip

pytestmark = pytest.mark.long

AT_ONCE = 3
WARM_UP, ROUNDS = 2, 5
PATIENCE = timedelta(seconds=60)
COMES_AND_GOES = re.compile(r":(bell|grace)$")
"""Keys that are there at times; how long they may be is one of the invariants."""
LESS_SURE = {"connections of Redis": 4, "connections of Postgres": 4, "open files": 8, "bytes of Redis": 500_000}
"""How much more of what a pool or an allocator keeps may be there later; a leak of one a goal would be more."""


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that serves nobody else."""
    server = RedisServer(tmp_path / "redis", free_port(), secrets.token_urlsafe(12), durable=False)
    yield or_skip(server.start, server)
    server.stop()


@pytest.fixture
def line(redis: RedisServer, fresh_database: str, model_url: str, tmp_path: Path) -> Iterator[Line]:
    """A swarm on that Redis."""
    model = {"OPENAI_API_KEY": API_KEY, "OPENAI_BASE_URL": model_url, "CHIMERA_MODEL__NAME": MODEL_NAME}
    own = {"CHIMERA_NAMESPACE": "soak", "CHIMERA_RETRY__BASE_S": "0.1", "CHIMERA_BEAT_S": "1"}
    made = Line(tmp_path, DATABASE_URL=fresh_database, REDIS_URL=redis.url, **model, **own)
    yield made
    made.close()


async def test_goals_in_a_row_leave_nothing_in_the_stores_or_the_processes(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in line.environment.items():
        if name.startswith(("CHIMERA_", "OPENAI_")) or name.endswith("_URL"):
            monkeypatch.setenv(name, value)
    line.open_gate("open")
    before = standing(line)
    roles = [line.start("worker", "--count", "5", "--handlers", str(KINDS)), line.start("judge", "--count", "2")]
    line.until(lambda: all("agent.started" in role.said for role in roles), "all roles are up")
    await work(line, WARM_UP)
    warm = standing(line, *roles)
    await work(line, ROUNDS)
    later = standing(line, *roles)
    assert {name: later[name] for name in later.keys() - LESS_SURE} == {
        name: warm[name] for name in warm.keys() - LESS_SURE
    }
    assert {name: later[name] for name, more in LESS_SURE.items() if later[name] > warm[name] + more} == {}, warm

    line.close()
    over = standing(line)
    assert (over["connections of Redis"], over["connections of Postgres"]) == (
        before["connections of Redis"],
        before["connections of Postgres"],
    )
    assert line.violations() == []


async def work(line: Line, rounds: int) -> None:
    """Have goals done, a few at a time, and wait until Redis has forgotten them."""
    async with chimera_cli.connect(Settings(_env_file=None)) as swarm:
        for number in range(rounds):
            goals = [await swarm.submit(f"goal {number}", tasks(line)) for _ in range(AT_ONCE)]
            over = [await swarm.wait(goal, timeout=PATIENCE) for goal in goals]
            assert {goal.status for goal in over} == {"COMPLETED"}
    line.until(lambda: not line.violations(), "Redis has forgotten all of it")


def tasks(line: Line) -> list[TaskSpec]:
    """Twenty tasks: plain ones, a chain, some that fail once, some that count in the goal's state."""
    gate = {"gate": line.gate("open"), "counter": "n", "s": 0}
    return [
        *(TaskSpec(key=f"m-{n}", kind="mark") for n in range(10)),
        *(TaskSpec(key=f"c-{n}", kind="mark", depends_on=(f"c-{n - 1}",) if n else ()) for n in range(3)),
        *(TaskSpec(key=f"o-{n}", kind="once-more") for n in range(3)),
        *(TaskSpec(key=f"t-{n}", kind="tally", payload={**gate, "i": n}) for n in range(4)),
    ]


def standing(line: Line, *roles: Running) -> dict[str, object]:
    """Count what the stores hold of the swarm, and who is connected to them."""
    keys = line.left().keys
    with Redis.from_url(line.environment["REDIS_URL"], decode_responses=True) as client:
        # Nobody else uses this server; one connection is ours.
        connected, used = client.info("clients")["connected_clients"], client.info("memory")["used_memory"]
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    return {
        "keys": sorted(key.name for key in keys if not COMES_AND_GOES.search(key.name)),
        "entries of streams": sum(key.size for key in keys if key.kind == "stream"),
        "pending entries": sum(key.pending for key in keys),
        "consumers": sum(key.consumers for key in keys),
        "members of the fleet": sum(key.size for key in keys if key.shard is None and key.kind != "string"),
        "bytes of Redis": used,
        "connections of Redis": connected,
        "connections of Postgres": line.rows(sessions)[0][0],
        "open files": sum(len(os.listdir(f"/proc/{role.pid}/fd")) for role in roles),
    }
