"""Redis is killed, emptied and set back under load, with what waits in it; and a Redis that would forget is refused."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from chimera_cli.local.redis_server import RedisServer
from tests.cli.conftest import kill
from tests.cli.driver import KINDS, Line, assert_one_clear_error
from tests.servers import Servers

pytestmark = pytest.mark.long

RETRIES = 200
RESTARTS = 3
AGENTS = 8
TALLIES = 48
COUNTERS = 12
BASE_S = "10"
"""Long enough for all retries to wait at the same time."""


@pytest.fixture
def line(redis: RedisServer, servers: Servers, model_url: str, tmp_path: Path) -> Iterator[Line]:
    """A swarm on that Redis."""
    database = servers.new_database()
    model = {"OPENAI_API_KEY": "stand-in", "OPENAI_BASE_URL": model_url}
    settings = {"CHIMERA_NAMESPACE": "restarts", "CHIMERA_RETRY__BASE_S": BASE_S}
    url = servers.postgres.url_of(database)
    made = Line(tmp_path, DATABASE_URL=url, REDIS_URL=redis.url, **model, **settings)
    yield made
    made.close()
    servers.drop_database(database)


@pytest.mark.chaos
def test_two_hundred_waiting_retries_outlive_redis_and_worker(line: Line, redis: RedisServer) -> None:
    worker = ("worker", "--count", "20", "--handlers", str(KINDS))
    first = line.start(*worker)
    goal = line.submit("fail once", [{"key": f"t-{n}", "kind": "once-more"} for n in range(RETRIES)])
    line.until(lambda: list(line.tasks(goal).values()) == ["DELAYED"] * RETRIES, "all wait for their second attempt")
    first.signal(signal.SIGKILL)
    first.ended()
    kill(redis)
    redis.start()
    line.start(*worker)
    line.over(goal)
    runs = [task for _, task, _, _ in line.marked("once-more")]
    assert sorted(runs) == sorted([*set(runs), *set(runs)])
    assert len(set(runs)) == RETRIES
    assert line.rows("SELECT DISTINCT attempts FROM tasks WHERE goal_id = %s", goal) == [(2,)]
    line.until(lambda: not line.violations(), f"the history is clean: {line.violations()}")


@pytest.mark.chaos
def test_every_process_claims_again_after_every_restart_of_redis_under_load(line: Line, redis: RedisServer) -> None:
    workers = [line.start("worker", "--count", str(AGENTS // 2), "--handlers", str(KINDS)) for _ in range(2)]
    for turn in range(RESTARTS):
        goal = line.submit(f"restart {turn}", gated(line, f"under-{turn}", 2 * AGENTS))
        line.until(lambda turn=turn: runs(line, f"under-{turn}") == AGENTS, "half of it runs, half of it waits")
        kill(redis)
        redis.start()
        line.open_gate(f"under-{turn}")
        line.over(goal)
        goal = line.submit(f"after {turn}", gated(line, f"after-{turn}", AGENTS))
        line.until(lambda turn=turn: runs(line, f"after-{turn}") == AGENTS, "every agent of both claims again")
        line.open_gate(f"after-{turn}")
        line.over(goal)
    assert len(line.marked("gated")) == RESTARTS * 3 * AGENTS
    assert all(worker.alive and "Traceback" not in worker.said for worker in workers)
    line.until(lambda: not line.violations(), f"the history is clean: {line.violations()}")


@pytest.mark.chaos
def test_a_redis_that_was_emptied_or_set_back_under_load_loses_nothing_and_commits_nothing_twice(
    line: Line, redis: RedisServer, tmp_path: Path
) -> None:
    for _ in range(2):
        line.start("worker", "--count", str(AGENTS // 2), "--handlers", str(KINDS))
    goal = line.submit("through an emptied Redis", tallies(line, "emptied"))
    line.until(lambda: len(line.marked("tally")) == AGENTS, "all agents are at work")
    with Redis.from_url(redis.url) as client:
        client.flushall()
    line.open_gate("emptied")
    line.over(goal)
    assert counted(line, goal) == [(TALLIES // COUNTERS, TALLIES // COUNTERS)] * COUNTERS

    before = len(line.marked("tally"))
    goal = line.submit("through a Redis that was set back", tallies(line, "back"))
    line.until(lambda: len(line.marked("tally")) == before + AGENTS, "all agents are at work")
    shutil.copytree(redis.folder, tmp_path / "copy", ignore=shutil.ignore_patterns("*.pid", "*.log", "*.conf"))
    line.open_gate("back")
    line.until(lambda: sum(status == "COMPLETED" for status in line.tasks(goal).values()) >= AGENTS, "some are done")
    kill(redis)
    shutil.copytree(tmp_path / "copy", redis.folder, dirs_exist_ok=True)
    redis.start()
    line.over(goal)
    assert counted(line, goal) == [(TALLIES // COUNTERS, TALLIES // COUNTERS)] * COUNTERS

    assert sorted(cause for (cause,) in line.rows("SELECT cause FROM recoveries")) == ["behind", "emptied"]
    line.until(lambda: not line.violations(), f"the history is clean: {line.violations()}")


def tallies(line: Line, gate: str) -> list[dict]:
    payloads = [{"counter": f"c-{n % COUNTERS}", "i": n, "s": 0.1, "gate": line.gate(gate)} for n in range(TALLIES)]
    return [{"key": f"{gate}-{n}", "kind": "tally", "payload": payload} for n, payload in enumerate(payloads)]


def counted(line: Line, goal: str) -> list[tuple[int, int]]:
    """Value and version of each of the goal's counters."""
    return line.rows("SELECT value, version FROM state WHERE goal_id = %s", goal)


def gated(line: Line, gate: str, number: int) -> list[dict]:
    return [{"key": f"{gate}-{n}", "kind": "gated", "payload": {"gate": line.gate(gate)}} for n in range(number)]


def runs(line: Line, gate: str) -> int:
    return sum(key.startswith(gate) for _, _, _, key in line.marked("gated"))


def test_a_redis_that_would_evict_work_is_refused_at_the_start(line: Line, redis: RedisServer) -> None:
    with Redis.from_url(redis.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    plan = line.write("plan.json", '{"goal": "g", "tasks": [{"key": "one", "kind": "mark"}]}')
    commands = (("worker", "--handlers", str(KINDS)), ("judge",), ("plan", "--file", plan, "--handlers", str(KINDS)))
    for refused in line.at_once(*commands):
        assert_one_clear_error(refused, 6, "maxmemory-policy allkeys-lru", "noeviction")
