"""`simulate` and `up` are killed by SIGKILL at several moments: nothing of them stays, or the next one puts it in order."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration
LONGEST_S = 120.0
"""When a wait is given up; nothing is said about how long anything takes."""


def chimera(folder: Path, *words: str, variables: dict[str, str] | None = None) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CHIMERA_")}
    return subprocess.Popen(
        [sys.executable, "-m", "chimera_cli", *words],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(Path(__file__).parents[2]), **(variables or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + LONGEST_S
    while not condition():
        assert time.monotonic() < end, f"in vain: {what}"
        time.sleep(0.05)


def seen(folder: Path, pattern: str) -> list[Path]:
    """What of this name lies below a folder in which others come and go."""
    try:
        return list(folder.rglob(pattern))
    except OSError:
        return []


def at_home_in(folder: Path) -> list[str]:
    """The command lines of processes that were started for the folder, or work in it."""
    found: list[str] = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (
                (place / "cmdline").read_bytes()
                + (place / "environ").read_bytes()
                + os.readlink(place / "cwd").encode()
            )
            if str(folder).encode() in words and (place / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                found.append((place / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


@pytest.mark.parametrize("kind", [(), ("--chaos", "--rounds", "3")])
@pytest.mark.parametrize("moment", ["redis.conf", "postmaster.pid", "*.err.log"])
def test_a_simulation_that_is_killed_leaves_no_process_and_no_folder(
    kind: tuple[str, ...], moment: str, tmp_path: Path
) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    simulation = chimera(folder, "simulate", *kind, variables={"TMPDIR": str(folder)})
    until(lambda: any(seen(folder, moment)), f"{moment} is there")
    simulation.kill()
    simulation.communicate()
    until(lambda: not at_home_in(folder), "nothing of the simulation runs")
    until(lambda: not list(folder.iterdir()), "nothing of it lies about")


@pytest.mark.parametrize("moment", ["stack.json", "redis/redis.conf", "postgres/data.draft", "postgres/data", "model"])
def test_an_up_that_is_killed_half_way_is_completed_by_the_next_and_ended_by_down(moment: str, tmp_path: Path) -> None:
    started = chimera(tmp_path, "up")
    until((tmp_path / ".chimera" / moment).exists, f"{moment} is there")
    os.killpg(started.pid, signal.SIGKILL)
    started.communicate()
    for command in ("up", "down"):
        ended = chimera(tmp_path, command)
        _, said = ended.communicate(timeout=LONGEST_S)
        assert ended.returncode == 0, said
    until(lambda: not at_home_in(tmp_path), "nothing of the stack runs")


def test_a_down_after_an_up_that_was_killed_leaves_nothing(tmp_path: Path) -> None:
    started = chimera(tmp_path, "up")
    until((tmp_path / ".chimera" / "model").exists, "the last server starts")
    started.kill()
    started.communicate()
    # The file by which the stand-in is known may not have been written.
    (tmp_path / ".chimera" / "model" / "stand_in.pid").unlink(missing_ok=True)
    ended = chimera(tmp_path, "down")
    _, said = ended.communicate(timeout=LONGEST_S)
    assert ended.returncode == 0, said
    until(lambda: not at_home_in(tmp_path), "nothing of the stack runs")
