"""The real drill by the real command: a few rounds with every kind of fault, and nothing left behind."""

import signal
from pathlib import Path

import pytest

from chimera_cli.models.drill import FaultKind
from tests.chaos.command import LONGEST_S, drill, left_behind, lines

pytestmark = [pytest.mark.chaos, pytest.mark.integration, pytest.mark.slow]


def test_no_fault_loses_or_doubles_work(tmp_path: Path) -> None:
    process = drill(tmp_path, "--rounds", str(len(FaultKind)), "--seed", "1", "--json")
    shown, said = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 0, (said, shown)
    *rounds, last = lines(shown)
    assert [told["round"] for told in rounds] == list(range(1, len(FaultKind) + 1))
    assert all(told["ok"] and told["schedule"] and told["breaches"] == [] for told in rounds)
    tally = last["summary"]["tally"]
    assert sum(tally["ended"].values()) == tally["accepted"] > 120
    assert tally["effects"] == 4 * len(FaultKind)
    assert set(tally["struck"]) == set(FaultKind)
    assert left_behind(tmp_path) == []


def test_a_drill_that_is_told_to_stop_leaves_nothing_behind(tmp_path: Path) -> None:
    process = drill(tmp_path, "--rounds", "50", "--faults", "worker")
    assert process.stderr is not None
    assert process.stdout is not None
    for line in process.stderr:
        if line.startswith("tried with"):
            break
    process.send_signal(signal.SIGINT)
    assert process.wait(LONGEST_S) == 128 + signal.SIGINT
    process.communicate()
    assert left_behind(tmp_path) == []
