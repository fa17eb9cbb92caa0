"""The real drill by the real command: a few rounds with every kind of fault, and nothing left behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST_S = 300
"""Far more than a run takes, for machines that do many things at once."""

pytestmark = [pytest.mark.chaos, pytest.mark.integration, pytest.mark.slow]


def drill(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return subprocess.Popen(
        [sys.executable, "-m", "chimera_cli", "simulate", "--chaos", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "TMPDIR": str(folder), **environment},
    )


def left_behind(folder: Path) -> list[str]:
    """Name the processes that still work in the folder, and the files in it."""
    processes = [
        file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        for file in Path("/proc").glob("[0-9]*/cmdline")
        if file.exists() and str(folder).encode() in file.read_bytes()
    ]
    return [*processes, *(str(path) for path in folder.iterdir())]


def test_no_fault_loses_or_doubles_work(tmp_path: Path) -> None:
    process = drill(
        tmp_path, "--rounds", "5", "--seed", "1", "--faults", "worker,redis,postgres,network,model", "--json"
    )
    shown, said = process.communicate(timeout=LONGEST_S)
    *rounds, last = [json.loads(line) for line in shown.splitlines()]
    assert process.returncode == 0, (rounds, said)
    assert [told["round"] for told in rounds] == [1, 2, 3, 4, 5]
    assert all(told["ok"] and told["schedule"] and told["breaches"] == [] for told in rounds)
    tally = last["summary"]["tally"]
    assert sum(tally["ended"].values()) == tally["accepted"] > 80
    assert tally["effects"] == 20
    assert set(tally["struck"]) == {"worker", "redis", "postgres", "network", "model"}
    assert left_behind(tmp_path) == []


def test_a_drill_that_is_told_to_stop_leaves_nothing_behind(tmp_path: Path) -> None:
    process = drill(tmp_path, "--rounds", "50", "--faults", "worker")
    assert process.stderr is not None
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(LONGEST_S) == 128 + signal.SIGINT
    process.communicate()
    assert left_behind(tmp_path) == []
