import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from chimera_cli.exceptions import BackendUnavailable
from chimera_cli.local.server import LocalServer

WAIT = "import signal; signal.pause()"


class ScriptServer(LocalServer):
    """A server that is a line of Python, and answers as often as it is told to refuse before."""

    name = "script"

    def __init__(self, folder: Path, script: str, *, refusals: int = 0) -> None:
        super().__init__(folder, port=1)
        self._script = script
        self._refusals = refusals
        self.launches = 0

    @property
    def url(self) -> str:
        return "script://"

    @property
    def pidfile(self) -> Path:
        return self.folder / "pid"

    @property
    def marks(self) -> Sequence[str]:
        return (str(self.folder),)

    def prepare(self) -> Sequence[str | Path]:
        self.launches += 1
        return (sys.executable, "-c", self._script, self.folder)

    def launched(self, pid: int) -> None:
        self.pidfile.write_text(str(pid))

    def answers(self) -> bool:
        self._refusals -= 1
        return self._refusals < 0


class PatientServer(ScriptServer):
    starts = 3


def test_starting_waits_until_the_server_answers(tmp_path: Path) -> None:
    server = ScriptServer(tmp_path, WAIT, refusals=3)
    assert server.start()
    assert server.pid()
    assert server.stop()
    assert server.pid() is None


def test_what_dies_while_starting_tells_its_last_words(tmp_path: Path) -> None:
    server = ScriptServer(tmp_path, "raise SystemExit('no room left')", refusals=10_000)
    with pytest.raises(BackendUnavailable, match="no room left") as caught:
        server.start()
    assert str(server.log) in caught.value.hint


def test_what_dies_silently_is_reported_by_its_port(tmp_path: Path) -> None:
    with pytest.raises(BackendUnavailable, match="no answer on port 1"):
        ScriptServer(tmp_path, "", refusals=10_000).start()


def test_a_start_is_tried_as_often_as_the_server_asks(tmp_path: Path) -> None:
    server = PatientServer(tmp_path, "", refusals=10_000)
    with pytest.raises(BackendUnavailable):
        server.start()
    assert server.launches == 3
