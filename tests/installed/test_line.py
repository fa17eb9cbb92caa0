"""The whole line on servers as distributions install them: plan, work, judge, decide, look."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from chimera_cli.local.process import wait_until
from chimera_cli.local.stand_in import API_KEY, MODEL_NAME
from tests.cli.conftest import assert_clean
from tests.cli.driver import KINDS, Line
from tests.installed.conftest import InstalledPostgres, Pooler, program
from tests.sentinel import Watched, WatchedRedis
from tests.servers import or_skip

GOAL = "Grow on Twitter"
ROLES = (("worker", "--count", "4"), ("worker", "--count", "4"), ("judge", "--count", "2"), ("plan", "--watch"))


@pytest.fixture(params=["redis-server", "valkey-server"])
def redis(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WatchedRedis]:
    """The distribution's Redis, or Valkey."""
    server = WatchedRedis(tmp_path / "redis", "s3cret-of-this-test", program=program(request.param))
    yield or_skip(server.start, server)
    server.stop()


@pytest.fixture
def new_line(postgres: InstalledPostgres, model_url: str, tmp_path: Path) -> Iterator[Callable[..., Line]]:
    """Makes a swarm of four processes."""
    with ExitStack() as ends:

        def make(database: str, redis: str) -> Line:
            line = Line(
                tmp_path / "line",
                DATABASE_URL=database,
                REDIS_URL=redis,
                OPENAI_BASE_URL=model_url,
                OPENAI_API_KEY=API_KEY,
                CHIMERA_MODEL__NAME=MODEL_NAME,
                CHIMERA_NAMESPACE=tmp_path.name[-20:],
                CHIMERA_RETRY__BASE_S="0.1",
            )
            ends.callback(line.close)
            assert line.run("db", "migrate").code == 0
            roles = [
                line.start(*words, *(("--handlers", str(KINDS)) if words[0] != "judge" else ())) for words in ROLES
            ]
            line.until(lambda: all("agent.started" in role.said for role in roles), "all roles are up")
            return line

        yield make


def goes_all_the_way(line: Line) -> None:
    """Plan a goal by the model, and decide what waits for a person, to its end."""
    goal = line.run("plan", GOAL, "--json").json["goal_id"]

    def decided() -> bool:
        for card in line.run("review", "list", "--goal", goal, "--json").json["cards"]:
            assert line.run("review", "approve", card["id"], "--as", "ada", "--json").code == 0
        return line.goal(goal) == "COMPLETED"

    line.until(decided, f"goal {goal} is over: {line.tasks(goal)}", 120)
    assert line.run("status", "--json").json["ledger"]["finished"] >= len(line.tasks(goal))
    assert line.run("audit", "verify").code == 0


def checks(line: Line) -> list[str]:
    """Name what doctor finds wrong."""
    return [check["name"] for check in line.run("doctor", "--json").json["checks"] if not check["ok"]]


def test_the_whole_line_on_installed_servers(
    new_line: Callable[..., Line], postgres: InstalledPostgres, redis: WatchedRedis
) -> None:
    line = new_line(postgres.url, redis.url)
    goes_all_the_way(line)
    assert checks(line) == []
    assert_clean(line)


@pytest.mark.parametrize("servers", [2, 1])
def test_the_whole_line_behind_a_pooler_with_few_connections(
    new_line: Callable[..., Line], pooler_of: Callable[..., Pooler], redis: WatchedRedis, servers: int
) -> None:
    pooler = pooler_of("transaction", servers=servers)
    line = new_line(pooler.url, redis.url)
    tasks = [{"key": f"t-{n}", "kind": "mark", "payload": {"i": n}} for n in range(200)]
    goal = line.submit("a crowd", tasks)
    goes_all_the_way(line)
    line.over(goal)
    assert checks(line) == []
    assert "prepared statement" not in line.said()


def test_the_whole_line_through_a_failover_of_sentinel(
    new_line: Callable[..., Line], postgres: InstalledPostgres, tmp_path: Path
) -> None:
    with Watched(tmp_path / "watched", sentinels=3, program=program("redis-server")) as watched:
        line = new_line(postgres.url, watched.url)
        tasks = [{"key": f"t-{n}", "kind": "mark", "payload": {"i": n, "s": 0.5}} for n in range(120)]
        goal = line.submit("through a failover", tasks)
        line.until(lambda: len(line.marked("mark")) > 20, "the work has begun")
        old = watched.primary
        pid = old.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: watched.primary is not old, timeout_s=60)
        line.over(goal)
        goes_all_the_way(line)
        assert checks(line) == []
        line.environment["REDIS_URL"] = watched.primary.url
        assert_clean(line)
