import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from chimera_cli.local import process

SLEEPER = (sys.executable, "-c", "import signal; print('up', flush=True); signal.pause()", "the-mark")
STUBBORN = (
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True)\nwhile True: signal.pause()",
    "the-mark",
)


def spawn(tmp_path: Path, argv: tuple[str, ...]) -> int:
    log = tmp_path / "log"
    pid = process.spawn(argv, log=log, cwd=tmp_path)
    assert process.wait_until(lambda: log.read_text() == "up\n", timeout_s=5)
    return pid


def end(pid: int, *, with_signal: signal.Signals = signal.SIGTERM, grace_s: float = 5, mark: str = "the-mark") -> None:
    process.stop(pid, (mark,), with_signal=with_signal, grace_s=grace_s)


def test_a_process_is_known_by_its_mark(tmp_path: Path) -> None:
    pid = spawn(tmp_path, SLEEPER)
    assert process.is_running(pid, ("the-mark",))
    assert not process.is_running(pid, ("another-mark",))
    end(pid)
    assert not process.is_running(pid, ("the-mark",))
    assert not process.lives(pid)


def test_a_stranger_with_the_same_number_is_never_killed(tmp_path: Path) -> None:
    pid = spawn(tmp_path, SLEEPER)
    end(pid, mark="another-mark")
    assert process.lives(pid)
    end(pid)


def test_a_process_that_ignores_the_polite_signal_is_killed(tmp_path: Path) -> None:
    pid = spawn(tmp_path, STUBBORN)
    end(pid, grace_s=0.1)
    assert not process.lives(pid)


def test_a_process_has_a_session_of_its_own(tmp_path: Path) -> None:
    pid = spawn(tmp_path, SLEEPER)
    assert os.getsid(pid) == pid
    end(pid)


@pytest.mark.parametrize("pid", [None, -1, 0, 1])
def test_numbers_that_are_no_servers_are_not_running(pid: int | None) -> None:
    assert not process.is_running(pid, ())


def test_waiting_ends_when_time_is_up() -> None:
    assert not process.wait_until(lambda: False, timeout_s=0.05)


@pytest.mark.parametrize(("text", "pid"), [("12\nmore\n", 12), ("", None), ("twelve", None)])
def test_a_pid_file_is_read_by_its_first_line(tmp_path: Path, text: str, pid: int | None) -> None:
    (tmp_path / "pid").write_text(text)
    assert process.read_pid(tmp_path / "pid") == pid


def test_a_missing_pid_file_names_nobody(tmp_path: Path) -> None:
    assert process.read_pid(tmp_path / "pid") is None


def test_a_process_without_a_pid_file_is_found_by_the_folder_it_was_started_for_and_no_stranger_is(
    tmp_path: Path,
) -> None:
    argv = [sys.executable, "-c", "import sys; sys.stdin.read()", "the-mark"]
    own, stranger = (
        subprocess.Popen(argv, stdin=subprocess.PIPE, env={**os.environ, **variables})
        for variables in ({process.OF_FOLDER: str(tmp_path)}, {})
    )
    try:
        assert process.wait_until(lambda: process.find(tmp_path, ("the-mark",)) is not None, timeout_s=30)
        assert process.find(tmp_path, ("the-mark",)) == own.pid
        assert process.find(tmp_path, ("another-mark",)) is None
        assert process.find(tmp_path / "elsewhere", ("the-mark",)) is None
    finally:
        for child in (own, stranger):
            child.communicate()
    assert process.find(tmp_path, ("the-mark",)) is None
