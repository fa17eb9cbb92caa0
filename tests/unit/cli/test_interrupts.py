"""Signals while a command loads: real processes, each interrupted at another import, as Python itself tells them."""

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.fakes import settle

OURS = b"chimera_cli.cli.interrupts"
"""The module that is loaded first and, before the next one, sees to signals."""
IMPORTS = (1, 2, 3, 5, 8, 15, 25, 40, 60, 80, 100, 130, 160, 200, 250, 300, 350, 400, 450, 500)
"""Imports after ours at which the signal is sent."""


def environment() -> dict[str, str]:
    """Return that of this process without what measures coverage in a subprocess: it has a handler of its own for SIGTERM."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    return {**kept, "PYTHONPATH": str(Path(__file__).parents[3])}


def interrupted(folder: Path, number: signal.Signals, after: int, *command: str) -> tuple[int, str]:
    """Send a signal once so many modules are loaded; a small pipe keeps the process from running far ahead of its reader."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "chimera_cli", *command],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=writing,
    )
    os.close(writing)
    with open(reading, "rb") as said:
        for line in said:
            if line.strip().endswith(OURS):
                break
        for _ in range(after):
            assert said.readline(), "the command ended before so many imports"
        process.send_signal(number)
        rest = said.read().decode()
    return process.wait(timeout=60), "\n".join(
        line for line in rest.splitlines() if not line.startswith("import time:")
    )


@pytest.mark.parametrize("after", IMPORTS)
def test_ctrl_c_while_a_command_loads_exits_130_without_a_traceback(after: int, tmp_path: Path) -> None:
    settle(tmp_path, "OPENAI_API_KEY=none\n")
    assert interrupted(tmp_path, signal.SIGINT, after, "worker") == (130, "")


@pytest.mark.parametrize("after", IMPORTS[::4])
def test_sigterm_while_a_command_loads_exits_143_quietly(after: int, tmp_path: Path) -> None:
    settle(tmp_path, "OPENAI_API_KEY=none\n")
    assert interrupted(tmp_path, signal.SIGTERM, after, "worker") == (143, "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_role_that_waits_for_its_servers_leaves_at_the_first_signal(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    settle(tmp_path, "OPENAI_API_KEY=none\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "chimera_cli", "worker"],
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    with process.stderr as said:
        assert "waiting for it, 60 s in all" in said.readline()
        process.send_signal(number)
        assert said.read() == ""
    assert process.wait(timeout=60) == code
