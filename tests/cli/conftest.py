"""Whole swarms for whole-line tests: each with a namespace and a database of its own."""

import os
import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from chimera_cli.local.process import free_port, wait_until
from chimera_cli.local.redis_server import RedisServer
from chimera_cli.local.stand_in import API_KEY, MODEL_NAME, StandInServer
from tests.cli.driver import KINDS, Line, python_path
from tests.servers import Servers, or_skip

NUMBERS = count(1)
NewLine = Callable[..., Line]


@pytest.fixture(scope="session", autouse=True)
def hangups_end_processes() -> None:
    """Have the processes of these tests hear of a closed terminal also where the tests were started with nohup."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def model_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The stand-in model as a process, shared by the whole run."""
    server = StandInServer(tmp_path_factory.mktemp("model"), free_port(), seed=7)
    try:
        with pytest.MonkeyPatch.context() as patch:
            # From a checkout that is not installed, too.
            patch.setenv("PYTHONPATH", python_path())
            server.start()
        yield server.url
    finally:
        server.stop()


@pytest.fixture(scope="module")
def new_line(servers: Servers, model_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewLine]:
    """Makes swarms that differ in their settings; all end with the module, so that nobody works beside its tests."""
    with ExitStack() as ends:

        def make(**settings: str) -> Line:
            database = servers.new_database()
            ends.callback(servers.drop_database, database)
            line = Line(
                tmp_path_factory.mktemp("line"),
                **{
                    "DATABASE_URL": servers.postgres.url_of(database),
                    "REDIS_URL": servers.redis.url,
                    "OPENAI_BASE_URL": model_url,
                    "OPENAI_API_KEY": API_KEY,
                    "CHIMERA_MODEL__NAME": MODEL_NAME,
                    "CHIMERA_NAMESPACE": f"cli-{next(NUMBERS)}",
                    "CHIMERA_RETRY__BASE_S": "0.1",
                    **settings,
                },
            )
            ends.callback(assert_clean, line)
            ends.callback(line.close)
            return line

        yield make


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of this test's own, which may be stopped, killed and emptied."""
    server = RedisServer(tmp_path / "redis", free_port(), secrets.token_urlsafe(12))
    yield or_skip(server.start, server)
    server.stop()


def kill(redis: RedisServer) -> None:
    """End Redis as a power cut would end its process."""
    pid = redis.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: redis.pid() is None, timeout_s=20)


def assert_clean(line: Line) -> None:
    """Whatever a test did to a swarm, no invariant of the architecture broke."""
    assert line.violations(ended=False) == []


@pytest.fixture(scope="module")
def line(new_line: NewLine) -> Line:
    """A swarm with a worker, a judge and the watching planner at work, shared by a module: use goals of your own."""
    made = new_line()
    roles = [
        made.start("worker", "--count", "20", "--handlers", str(KINDS)),
        made.start("judge", "--count", "4"),
        made.start("plan", "--watch", "--handlers", str(KINDS)),
    ]
    made.until(lambda: all("agent.started" in role.said for role in roles), "all roles are up")
    return made
