"""A PgBouncer in front of a PostgreSQL of ours, with its own defaults but for its mode and its few connections."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from chimera_cli.exceptions import ConfigError
from chimera_cli.local.postgres_server import PostgresServer
from chimera_cli.local.private_file import write_private
from chimera_cli.local.privileges import plain_user
from chimera_cli.local.process import free_port
from chimera_cli.local.server import LocalServer

HINT = "install pgbouncer and have it on the PATH, or leave out pooler with --faults"
SYSTEM_PROGRAMS = "/usr/sbin"
"""Where distributions put it; not on everyone's PATH."""
ANSWER_WITHIN_S = 2


def pooler_program() -> Path | None:
    """Find PgBouncer; None where it is not installed."""
    found = shutil.which("pgbouncer", path=os.pathsep.join([os.environ.get("PATH", os.defpath), SYSTEM_PROGRAMS]))
    return Path(found).resolve() if found else None


class Pooler(LocalServer):
    """PgBouncer for all databases of one PostgreSQL."""

    name = "PgBouncer"

    def __init__(
        self,
        folder: Path,
        postgres: PostgresServer,
        *,
        binary: Path | None = None,
        mode: str = "transaction",
        servers: int = 2,
    ) -> None:
        """Args:
        folder: Its files.
        postgres: Where it leads.
        binary: The program; looked for when it is not given.
        mode: When a connection goes back to the pool.
        servers: Connections to each database.
        """
        super().__init__(folder, free_port())
        self._postgres, self._binary, self._mode, self._servers = postgres, binary, mode, servers

    @property
    def url(self) -> str:
        """Where clients connect, password included."""
        return self._through(self._postgres.url)

    @property
    def pidfile(self) -> Path:
        """Written by us."""
        return self.folder / "pgbouncer.pid"

    @property
    def marks(self) -> Sequence[str]:
        """The configuration file, the only argument."""
        return (str(self._configuration_file),)

    def system_user(self) -> str | None:
        """Name a plain user where root starts it: it refuses to be root."""
        return plain_user()

    def launched(self, pid: int) -> None:
        """Note the process."""
        self.pidfile.write_text(str(pid))

    def answers(self) -> bool:
        """Connect through it, to a database that no other is copied from: the pool keeps the connection."""
        try:
            psycopg.connect(self._through(self._postgres.url_of("postgres")), connect_timeout=ANSWER_WITHIN_S).close()
        except psycopg.Error:
            return False
        return True

    def prepare(self) -> Sequence[str | Path]:
        """Write its configuration, and the password in a file for it alone.

        Raises:
            ConfigError: There is no such program.
        """
        binary = self._binary or pooler_program()
        if binary is None:
            raise ConfigError("there is no PgBouncer", hint=HINT)
        known = conninfo_to_dict(self._postgres.url)
        users = self.folder / "users.txt"
        write_private(users, f'"{known["user"]}" "{known["password"]}"\n')
        write_private(self._configuration_file, "".join(f"{line}\n" for line in self._configuration(users)))
        if user := self.system_user():
            for path in (self.folder, users, self._configuration_file):
                shutil.chown(path, user)
        return (binary, self._configuration_file)

    def _through(self, url: str) -> str:
        return url.replace(f":{self._postgres.port}/", f":{self.port}/")

    @property
    def _configuration_file(self) -> Path:
        return self.folder / "pgbouncer.ini"

    def _configuration(self, users: Path) -> list[str]:
        return [
            "[databases]",
            f"* = host=127.0.0.1 port={self._postgres.port}",
            "[pgbouncer]",
            "listen_addr = 127.0.0.1",
            f"listen_port = {self.port}",
            "unix_socket_dir =",
            "auth_type = plain",
            f"auth_file = {users}",
            f"pool_mode = {self._mode}",
            f"default_pool_size = {self._servers}",
        ]
