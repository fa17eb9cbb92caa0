"""The real command from its first process to the last: its report, and that it leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.command import left_behind

ROOT = Path(__file__).parents[2]
LONGEST_S = 170
"""Far more than a run takes, for machines that do many things at once."""

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def environment(folder: Path) -> dict[str, str]:
    """Nothing but what a process needs; a wrong setting shows that the simulation reads none."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, "TMPDIR": str(folder), "CHIMERA_SHARDS": "wrong"}


def simulate(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "chimera_cli", "simulate", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=environment(folder),
    )


def test_a_simulation_shows_everything_and_leaves_nothing_behind(tmp_path: Path) -> None:
    process = simulate(tmp_path, "--seed", "11", "--tasks", "6", "--workers", "4", "--json")
    shown, said = process.communicate(timeout=LONGEST_S)
    report = json.loads(shown)
    assert process.returncode == 0, [check for check in report["invariants"] if not check["ok"]]
    assert report["ok"]
    assert report["seed"] == 11
    assert len(report["goal_id"]) == 20
    assert len(report["invariants"]) == 21
    assert all(check["ok"] and check["name"] and check["detail"] for check in report["invariants"])
    assert report["figures"]["most_at_once"] >= 2
    assert report["figures"]["takeover_s"] <= 4 + report["figures"]["stall_s"]
    assert [line["at_s"] for line in report["life"]] == sorted(line["at_s"] for line in report["life"])
    assert "stand-in" in report["stand_in"]
    assert "lease shortened to 3 s" in said
    assert left_behind(tmp_path) == []


def test_a_simulation_that_is_told_to_stop_leaves_nothing_behind(tmp_path: Path) -> None:
    process = simulate(tmp_path)
    assert process.stderr is not None
    for line in process.stderr:
        if "worker processes" in line:
            process.send_signal(signal.SIGTERM)
    assert process.wait(LONGEST_S) == 128 + signal.SIGINT
    process.stderr.close()
    assert process.stdout is not None
    assert process.stdout.read() == ""
    process.stdout.close()
    assert left_behind(tmp_path) == []
