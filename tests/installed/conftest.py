"""Servers as distributions install them, beside the wheels that the other tests use; `make servers` runs these tests."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from chimera_cli.local.binaries import PostgresBinaries
from chimera_cli.local.postgres_server import PostgresServer
from chimera_cli.local.privileges import let_in
from chimera_cli.local.process import free_port
from chimera_cli.simulation.chaos.pooler import Pooler
from tests.cli.conftest import model_url
from tests.servers import or_skip

__all__ = ["Pooler", "model_url"]

# Read before the tests' own environment takes them away.
PLACES = {
    "redis-server": os.environ.get("CHIMERA_TEST_REDIS", ""),
    "valkey-server": os.environ.get("CHIMERA_TEST_VALKEY", ""),
    "postgres": os.environ.get("CHIMERA_TEST_POSTGRES", ""),
    "pgbouncer": os.environ.get("CHIMERA_TEST_PGBOUNCER", ""),
}
"""Folder of each program where it is not on the PATH."""
USUAL = ("/usr/lib/postgresql/15/bin", "/usr/sbin", "/usr/bin")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here, so that no other target runs it."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.servers)


def program(name: str) -> Path:
    """Find a program; where it is missing the test is skipped."""
    path = os.pathsep.join(filter(None, (PLACES[name], os.environ.get("PATH", os.defpath), *USUAL)))
    place = shutil.which(name, path=path)
    if place is None:
        pytest.skip(f"no {name} on this machine")
    return Path(place).resolve()


class InstalledPostgres(PostgresServer):
    """PostgreSQL as a distribution has it."""

    def __init__(self, folder: Path, programs: Path) -> None:
        super().__init__(folder, free_port(), secrets.token_urlsafe(12), durable=False)
        self.programs = PostgresBinaries(programs)

    def prepare(self) -> Sequence[str | Path]:
        if not self.data.exists():
            self._initialise(self.programs)
        if user := self.system_user():
            let_in(user, self.data, self.programs.installation)
        settings = self.folder / "chimera.conf"
        settings.write_text("".join(f"{line}\n" for line in self._configuration()))
        settings.chmod(0o644)
        return (self.programs.postgres, "-D", self.data, f"--config-file={settings}")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user may be let into: pytest closes its own to all others whenever it starts."""
    with tempfile.TemporaryDirectory(prefix="chimera-installed-") as folder:
        yield Path(folder)


@pytest.fixture
def postgres(open_folder: Path) -> Iterator[InstalledPostgres]:
    """The distribution's PostgreSQL, without a schema at first."""
    server = InstalledPostgres(open_folder / "postgres", program("postgres").parent)
    yield or_skip(server.start, server)
    server.stop()


@pytest.fixture
def pooler_of(postgres: InstalledPostgres, open_folder: Path) -> Iterator:
    """Start PgBouncer in a mode in front of that PostgreSQL, with few connections to it unless each client keeps one."""
    started: list[Pooler] = []

    def start(mode: str, *, servers: int = 0) -> Pooler:
        servers = servers or (20 if mode == "session" else 2)
        made = Pooler(
            open_folder / f"pooler-{len(started)}", postgres, binary=program("pgbouncer"), mode=mode, servers=servers
        )
        started.append(made)
        return or_skip(made.start, made)

    yield start
    for pooler in started:
        pooler.stop()
