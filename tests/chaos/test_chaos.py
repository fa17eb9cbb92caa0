"""The real drill by the real command: a few rounds with every kind of fault, and nothing left behind."""

import signal
from pathlib import Path

import pytest

from chimera_cli.models.drill import FaultKind
from tests.chaos.command import LONGEST_S, drill, left_behind, lines

pytestmark = [pytest.mark.chaos, pytest.mark.integration, pytest.mark.slow]


ASSUMED = (FaultKind.KEY_FAMILY, FaultKind.OOM, FaultKind.MISCONF, FaultKind.READONLY)
MISCHIEF = (FaultKind.STALLED_LOOP, FaultKind.SELF_DRAIN)
ORDINARY = tuple(kind for kind in FaultKind if kind not in (*ASSUMED, *MISCHIEF))


@pytest.mark.parametrize("faults", [ORDINARY, (*ASSUMED, *MISCHIEF)], ids=["ordinary", "assumed"])
def test_no_fault_loses_or_doubles_work(faults: tuple[FaultKind, ...], tmp_path: Path) -> None:
    count = len(faults)
    process = drill(tmp_path, "--rounds", str(count), "--seed", "1", "--json", "--faults", ",".join(faults))
    shown, said = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 0, (said, shown)
    *rounds, last = lines(shown)
    assert [told["round"] for told in rounds] == list(range(1, count + 1))
    assert all(told["ok"] and told["schedule"] and told["breaches"] == [] for told in rounds)
    tally = last["summary"]["tally"]
    assert sum(tally["ended"].values()) == tally["accepted"] > 17 * count
    assert tally["effects"] == 4 * count
    assert set(tally["struck"]) == set(faults)
    assert all(sum(toll["harms"].values()) == 0 for toll in last["summary"]["tolls"].values())
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
