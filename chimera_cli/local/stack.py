"""The embedded stack of `chimera up`, `down` and `simulate`: Redis, PostgreSQL and the stand-in model in one folder."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from dotenv import dotenv_values

from chimera_cli.exceptions import ConfigError
from chimera_cli.local.postgres_server import PostgresServer
from chimera_cli.local.private_file import close_to_others, private_folder, write_private
from chimera_cli.local.privileges import group_of, plain_user
from chimera_cli.local.redis_server import RedisServer
from chimera_cli.local.server import LocalServer
from chimera_cli.local.stack_state import StackState
from chimera_cli.local.stand_in import API_KEY, MODEL_NAME, StandInServer
from chimera_cli.models.server import ServerStatus

DEFAULT_SEED = 7
APPROVAL_KEY = "CHIMERA_APPROVAL_KEY"


class LocalStack:
    """Real servers with all their files below one folder.

    Every method may be repeated: `start` starts what is missing, `stop` ends what is there. Ports and passwords are
    drawn once and kept.
    """

    def __init__(
        self,
        folder: Path,
        *,
        durable: bool = True,
        seed: int = DEFAULT_SEED,
        model: bool = True,
        model_options: Sequence[str] = (),
    ) -> None:
        """Describe a stack; nothing is touched before `start`.

        Args:
            folder: Where all its data lies, such as `.chimera`.
            durable: False for a stack that is thrown away; it is faster and does not survive a crash of the machine.
            seed: Seed of the stand-in model, kept from the first start on.
            model: Whether the stand-in model belongs to it.
            model_options: Further arguments of the stand-in model.
        """
        self.folder = folder.resolve()
        self._durable = durable
        self._seed = seed
        self._model = model
        self._model_options = tuple(model_options)

    def __enter__(self) -> "LocalStack":
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def state_file(self) -> Path:
        """Where ports and passwords are kept, 0600."""
        return self.folder / "stack.json"

    def exists(self) -> bool:
        """Tell whether this stack was ever started here."""
        return self.state_file.exists()

    def start(self) -> list[str]:
        """Start what is not running, and wait until all of it serves.

        Returns:
            The names of the servers that had to be started.

        Raises:
            ConfigError: A server's program is missing, or the folder cannot be used.
            BackendUnavailable: A server did not come up; the others stay.
        """
        with self._alone():
            return [server.name for server in self._servers(self._remembered_or_fresh()) if server.start()]

    def stop(self) -> list[str]:
        """End what is running, data kept; the names of the servers that were."""
        if not self.exists():
            return []
        with self._alone():
            return [server.name for server in reversed(self._servers(self._remembered())) if server.stop()]

    def status(self) -> list[ServerStatus]:
        """Look at every server; an empty list before the first start."""
        return [_status(server) for server in self._servers(self._remembered())] if self.exists() else []

    def environment(self) -> dict[str, str]:
        """Name the settings that lead a role to this stack; they hold passwords.

        Raises:
            ConfigError: The stack was never started.
        """
        state = self._remembered()
        urls = {server.name: server.url for server in self._servers(state)}
        variables = {"DATABASE_URL": urls[PostgresServer.name], "REDIS_URL": urls[RedisServer.name]}
        variables[APPROVAL_KEY] = state.approval_key
        if self._model:
            variables |= {"OPENAI_BASE_URL": urls[StandInServer.name], "OPENAI_API_KEY": API_KEY}
            variables["CHIMERA_MODEL__NAME"] = MODEL_NAME
        return variables

    def write_env(self, path: Path) -> bool:
        """Write the settings as a `.env`, readable by us alone; one that is there already keeps what it says.

        Returns:
            Whether it was written.
        """
        lines = ["# Written by `chimera up` for the local stack; the model is a stand-in with canned answers."]
        lines += [f"{name}={value}" for name, value in self.environment().items()]
        try:
            write_private(path, "\n".join(lines) + "\n", exclusive=True)
        except FileExistsError:
            close_to_others(path)
            return False
        return True

    def complete_env(self, path: Path) -> bool:
        """Add the key that approvals are signed with to a `.env` of this stack that an older release wrote.

        Returns:
            Whether it was added.
        """
        known, variables = dotenv_values(path, interpolate=False), self.environment()
        if known.get(APPROVAL_KEY) or known.get("DATABASE_URL") != variables["DATABASE_URL"]:
            return False
        ends_a_line = path.read_bytes()[-1:] in (b"", b"\n")
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{'' if ends_a_line else chr(10)}{APPROVAL_KEY}={variables[APPROVAL_KEY]}\n")
        return True

    def _servers(self, state: StackState) -> list[LocalServer]:
        redis = RedisServer(self.folder / "redis", state.redis_port, state.redis_password, durable=self._durable)
        postgres = PostgresServer(
            self.folder / "postgres", state.postgres_port, state.postgres_password, durable=self._durable
        )
        model = StandInServer(self.folder / "model", state.model_port, seed=state.seed, options=self._model_options)
        return [redis, postgres, model] if self._model else [redis, postgres]

    def _remembered(self) -> StackState:
        state = StackState.read(self.state_file)
        if state is None:
            raise ConfigError(f"there is no local stack in {self.folder}", hint="chimera up")
        return state

    def _remembered_or_fresh(self) -> StackState:
        state = StackState.read(self.state_file)
        if state is None:
            state = StackState.fresh(self._seed)
            state.write(self.state_file)
        return state

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one command at a time change the stack: two `up` at once would start everything twice."""
        try:
            private_folder(self.folder, passing=group_of(plain_user()))
            lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigError(
                f"{self.folder} cannot be written: {error.strerror}", hint="use another folder"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            with suppress(OSError):
                os.close(lock)


def _status(server: LocalServer) -> ServerStatus:
    pid = server.pid()
    return ServerStatus(
        name=server.name,
        state="stopped" if pid is None else "running" if server.answers() else "stuck",
        pid=pid,
        port=server.port,
    )
