"""Fixtures for every test: real servers, started once a test process when first asked for."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.servers import Servers

OWN_VARIABLES = ("DATABASE_URL", "REDIS_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL")


def pytest_configure() -> None:
    """Hear Ctrl-C even when a shell started the tests in the background, which ignores it: roles inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests report and do not assert, such as how long calls took."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings and the terminal of whoever runs the tests out of them."""
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    for name in list(os.environ):
        if name in OWN_VARIABLES or name.startswith("CHIMERA_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """The servers themselves, for tests that stop or inspect one."""
    started = Servers()
    yield started
    started.close()


@pytest.fixture(scope="session")
def redis_url(servers: Servers) -> str:
    """A real Redis, shared by the whole run: use a namespace of your own."""
    return servers.redis.url


@pytest.fixture(scope="session")
def cluster_url(servers: Servers) -> str:
    """One node of a real three-node Redis Cluster, shared by the whole run: use a namespace of your own."""
    return servers.cluster[0].url


@pytest.fixture(scope="session")
def database_url(servers: Servers) -> str:
    """An empty database of a real PostgreSQL, shared by the whole run."""
    return servers.postgres.url


@pytest.fixture
def fresh_database(servers: Servers) -> Iterator[str]:
    """A migrated database of this test's own, dropped afterwards."""
    name = servers.new_database()
    yield servers.postgres.url_of(name)
    servers.drop_database(name)
