"""What every local server has in common: start it once, know it again, end it."""

import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from chimera_cli.exceptions import BackendUnavailable, ConfigError
from chimera_cli.local import keeper, process
from chimera_cli.local.private_file import private_folder
from chimera_cli.local.privileges import group_of

READY_WITHIN_S = 30.0
STOP_WITHIN_S = 15.0


class LocalServer(ABC):
    """One server process on loopback with all its files in one folder.

    `start` and `stop` may be called again at any time; both do only what is missing.
    """

    name: str
    """What people call it, in messages and in `status`."""
    stop_signal: signal.Signals = signal.SIGTERM
    """The signal that makes it write out and leave."""
    starts: int = 1
    """How often to try before giving up on a server that dies while starting."""

    def __init__(self, folder: Path, port: int, password: str = "") -> None:  # nosec B107 # the empty one means none
        self.folder = folder.resolve()
        self.port = port
        self._password = password

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients connect, password included."""

    @property
    @abstractmethod
    def pidfile(self) -> Path:
        """The file whose first line is the server's process id."""

    @property
    @abstractmethod
    def marks(self) -> Sequence[str]:
        """What stands in the command line of this very server and of no other process."""

    @abstractmethod
    def prepare(self) -> Sequence[str | Path]:
        """Write what the server needs before it starts, and return its command line (without any secret)."""

    @abstractmethod
    def answers(self) -> bool:
        """Connect for real, with the password, and tell whether the server serves."""

    @property
    def log(self) -> Path:
        """Everything the server says."""
        return self.folder / "server.log"

    def environment(self) -> Mapping[str, str]:
        """Name the variables the server sees: none of ours, they may hold keys it has no use for."""
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", **self.known_by()}

    def known_by(self) -> Mapping[str, str]:
        """Name the variables by which this server's processes are known as ours, whatever number they have."""
        kept = {keeper.VARIABLE: os.environ[keeper.VARIABLE]} if keeper.VARIABLE in os.environ else {}
        return {process.OF_FOLDER: str(self.folder), **kept}

    def system_user(self) -> str | None:
        """Name the system user to run as; None for the present one."""
        return None

    def launched(self, pid: int) -> None:  # noqa: B027 - most servers have nothing to do here
        """Note the new process; for servers that write no pid file themselves."""

    def pid(self) -> int | None:
        """Read the process id; None when this server is not running."""
        pid = process.read_pid(self.pidfile)
        # One whose starter was killed half-way may have no pid file, or not yet.
        return pid if process.is_running(pid, self.marks) else process.find(self.folder, self.marks)

    def start(self) -> bool:
        """Start the server unless it runs, and wait until it serves.

        Returns:
            Whether it had to be started.

        Raises:
            ConfigError: Its program is missing, or its folder cannot be written.
            BackendUnavailable: It did not come up.
        """
        running = self.pid()
        # One that runs and does not answer, or dies under our eyes, is ended and started anew.
        if running is not None and self._await(running, final=False):
            return False
        for left in reversed(range(self.starts)):
            if self._await(self._launch(), final=not left):
                break
        return True

    def stop(self) -> bool:
        """End the server if it runs; True when there was one to end."""
        pid = self.pid()
        process.stop(pid, self.marks, with_signal=self.stop_signal, grace_s=STOP_WITHIN_S)
        return pid is not None

    def _launch(self) -> int:
        try:
            private_folder(self.folder, passing=group_of(self.system_user()))
            argv = self.prepare()
            user = self.system_user()
            pid = process.spawn(argv, log=self.log, cwd=self.folder, env=self.environment(), user=user)
            self.launched(pid)
            return pid
        except OSError as error:
            raise ConfigError(
                f"{self.name} cannot be started in {self.folder}: {error.strerror or error}",
                hint="use a folder you may write to",
            ) from error

    def _await(self, pid: int, *, final: bool = True) -> bool:
        """Wait until the server answers or dies; the last word of its log explains a failure."""
        process.wait_until(lambda: self.answers() or not process.lives(pid), timeout_s=READY_WITHIN_S)
        if process.is_running(pid, self.marks) and self.answers():
            return True
        process.stop(pid, self.marks, with_signal=self.stop_signal, grace_s=STOP_WITHIN_S)
        if final:
            raise BackendUnavailable(f"the local {self.name}", self._last_words(), hint=f"see {self.log}")
        return False

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").split("\n") if self.log.exists() else []
        telling = [line.strip() for line in lines if line.strip()]
        return telling[-1] if telling else f"no answer on port {self.port}"
