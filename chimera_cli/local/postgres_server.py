"""A real PostgreSQL on loopback; made once by initdb, owned by a plain user even when root asks for it."""

import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psycopg
from psycopg import sql

from chimera_cli.exceptions import BackendUnavailable, ConfigError
from chimera_cli.local import binaries, privileges, process
from chimera_cli.local.private_file import write_private
from chimera_cli.local.server import LocalServer

SUPERUSER = "chimera"
ANSWER_WITHIN_S = 2
FAST_AND_UNSAFE = ("fsync = off", "full_page_writes = off")
"""For data nobody wants back: a crash of the machine loses it all, a crash of the server alone still nothing."""


class PostgresServer(LocalServer):
    """One PostgreSQL process; `durable=False` for a stack that is thrown away."""

    name = "PostgreSQL"
    # Fast shutdown: sessions are cut, everything committed is kept.
    stop_signal = signal.SIGINT
    # The backends of a killed server hold its memory for a moment, and a start in that moment is refused.
    starts = 5

    def __init__(self, folder: Path, port: int, password: str, *, durable: bool = True) -> None:
        super().__init__(folder, port, password)
        self._durable = durable

    @property
    def url(self) -> str:
        """Where clients connect, password included."""
        return self.url_of(SUPERUSER)

    def url_of(self, database: str) -> str:
        """Name the address of one database of this server, password included."""
        return f"postgresql://{SUPERUSER}:{self._password}@127.0.0.1:{self.port}/{database}"

    @property
    def data(self) -> Path:
        """The database cluster."""
        return self.folder / "data"

    @property
    def pidfile(self) -> Path:
        """Written by PostgreSQL itself."""
        return self.data / "postmaster.pid"

    @property
    def marks(self) -> Sequence[str]:
        """The data folder."""
        return (str(self.data),)

    def system_user(self) -> str | None:
        """Name the plain user that serves for root."""
        return privileges.plain_user()

    def start(self) -> bool:
        """Start the server unless it runs, wait until it serves, and make the database if it is missing."""
        started = super().start()
        try:
            self.create_database(SUPERUSER)
        except psycopg.OperationalError as error:
            # It answered a moment ago: on a machine with too much to do that is no promise.
            reason = str(error).partition("\n")[0]
            raise BackendUnavailable(f"the local {self.name}", reason, hint=f"see {self.log}") from error
        return started

    def create_database(self, name: str, *, template: str | None = None) -> None:
        """Make a database unless there is one of that name, as a copy of the template if one is given."""
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template:
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        with psycopg.connect(self.url_of("postgres"), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                connection.execute(statement)

    def prepare(self) -> Sequence[str | Path]:
        """Make the cluster if there is none, and write its settings."""
        programs = binaries.postgres_binaries(self._data_release())
        if not self.data.exists():
            self._initialise(programs)
        user = self.system_user()
        if user:
            privileges.let_in(user, self.data, programs.installation)
        self._drop_stolen_pidfile()
        # Beside the data, not in it: what root writes must not lie where another user could put a link.
        settings = self.folder / "chimera.conf"
        settings.write_text("".join(f"{line}\n" for line in self._configuration()))
        settings.chmod(0o644)
        return (programs.postgres, "-D", self.data, f"--config-file={settings}")

    def answers(self) -> bool:
        """Log in with the password."""
        try:
            psycopg.connect(self.url_of("postgres"), connect_timeout=ANSWER_WITHIN_S).close()
        except psycopg.Error:
            return False
        return True

    def _data_release(self) -> int | None:
        try:
            return int((self.data / "PG_VERSION").read_text())
        except (OSError, ValueError):
            return None

    def _initialise(self, programs: binaries.PostgresBinaries) -> None:
        """Run initdb beside the final place: what an interrupted run leaves is never taken for a whole cluster."""
        draft, password_file, user = self.folder / "data.draft", self.folder / "password", self.system_user()
        # One whose `up` was killed goes on, and would write into the new draft.
        left = process.find(self.folder, (str(draft),))
        process.stop(left, (str(draft),), with_signal=signal.SIGKILL, grace_s=ANSWER_WITHIN_S)
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        write_private(password_file, self._password)
        if user:
            privileges.let_in(user, draft, programs.installation)
            shutil.chown(password_file, user)
        options = ["--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-instructions"]
        options += [] if self._durable else ["--no-sync"]
        argv = [str(programs.initdb), *options, f"--username={SUPERUSER}", f"--pwfile={password_file}", str(draft)]
        try:
            self._run(argv, user)
        finally:
            password_file.unlink()
        draft.rename(self.data)

    def _run(self, argv: Sequence[str], user: str | None) -> None:
        done = subprocess.run(  # nosec B603 # a list, no shell; each word is ours
            argv,
            cwd=self.folder,
            env=dict(self.environment()),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            **process.identity(user),
        )
        if done.returncode:
            self.log.write_text(done.stdout + done.stderr)
            # Its last words tell of cleaning up; the cause stands before them, on either stream.
            said = [line for line in (done.stdout + done.stderr).splitlines() if "remov" not in line]
            causes = [line for line in said if "FATAL" in line or "error:" in line] or said[-1:]
            raise ConfigError(f"initdb failed: {causes[0] if causes else self._last_words()}", hint=f"see {self.log}")

    def _drop_stolen_pidfile(self) -> None:
        """Remove a dead server's pid file when another process has its number: PostgreSQL would refuse to start.

        With a dead number the file stays, PostgreSQL then checks by it that no old backend still writes.
        """
        pid = process.read_pid(self.pidfile)
        if pid is not None and process.is_running(pid, ()) and not process.is_running(pid, self.marks):
            self.pidfile.unlink()

    def _configuration(self) -> list[str]:
        lines = [
            "include 'data/postgresql.conf'",
            "listen_addresses = '127.0.0.1'",
            f"port = {self.port}",
            # A socket's path may have 107 characters, a data folder's more.
            "unix_socket_directories = ''",
            "max_connections = 200",
            "shared_buffers = '64MB'",
            "timezone = 'UTC'",
            "log_timezone = 'UTC'",
        ]
        return lines if self._durable else [*lines, *FAST_AND_UNSAFE]
