"""A terminal that is closed under a role: it drains, as after SIGTERM."""

import fcntl
import os
import pty
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import NewLine
from tests.cli.driver import COMMAND_WITHIN_S, KINDS, Line

ROLES = {
    "worker": ("worker", "--count", "1", "--handlers", str(KINDS)),
    "worker of two processes": ("worker", "--processes", "2", "--count", "1", "--handlers", str(KINDS)),
    "judge": ("judge", "--count", "1"),
    "planner": ("plan", "--watch", "--handlers", str(KINDS)),
}


@pytest.fixture(scope="module")
def line(new_line: NewLine) -> Line:
    return new_line()


@contextmanager
def in_a_terminal(line: Line, *words: str) -> Iterator[tuple["subprocess.Popen[bytes]", int, Path]]:
    """Run a command that has a terminal of its own; yields it with the terminal's other end, and the file with what it says on
    stderr."""
    ours, theirs = pty.openpty()
    said = line.folder / f"said-{ours}-{words[0]}"
    with said.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "chimera_cli", *words],
            env=line.environment,
            cwd=line.folder,
            stdin=theirs,
            stdout=theirs,
            stderr=errors,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
    os.close(theirs)
    try:
        yield process, ours, said
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("role", list(ROLES))
def test_a_closed_terminal_drains_every_role(line: Line, role: str) -> None:
    with in_a_terminal(line, *ROLES[role]) as (process, terminal, said):
        line.until(lambda: said.read_text().count('"event": "agent.started"') == role.count("two") + 1, "it is at work")
        os.close(terminal)
        assert process.wait(COMMAND_WITHIN_S) == 0
        assert "agent.stopped" in said.read_text()


def test_work_in_hand_is_finished_after_the_terminal_was_closed(line: Line) -> None:
    goal = line.submit("be finished", [{"key": "one", "kind": "gated", "payload": {"gate": line.gate("closed")}}])
    with in_a_terminal(line, *ROLES["worker"]) as (process, terminal, said):
        line.until(lambda: "task.started" in said.read_text(), "it is at work")
        os.close(terminal)
        line.until(lambda: "draining: 1 running" in said.read_text(), "it drains")
        line.open_gate("closed")
        assert process.wait(COMMAND_WITHIN_S) == 0
    assert line.tasks(goal) == {"one": "COMPLETED"}
    assert line.history(goal, "one") == ["task.queued", "task.started", "task.completed"]
