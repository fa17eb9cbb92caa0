"""The real drill by the real command: a few rounds with every kind of fault, and nothing left behind."""

import signal
from pathlib import Path

import pytest

from chimera_cli.models.drill import FaultKind
from chimera_cli.simulation.chaos.clock import clock_library
from chimera_cli.simulation.chaos.pooler import pooler_program
from tests.chaos.command import LONGEST_S, drill, left_behind, lines

pytestmark = [pytest.mark.chaos, pytest.mark.integration, pytest.mark.slow]


GROUPS: dict[str, tuple[FaultKind, ...]] = {
    "refusals": (FaultKind.KEY_FAMILY, FaultKind.OOM, FaultKind.MISCONF, FaultKind.READONLY),
    "handlers": (FaultKind.STALLED_LOOP, FaultKind.SELF_DRAIN),
    "clocks": (FaultKind.REDIS_CLOCK,) if clock_library() else (),
    "stores": (FaultKind.FOREIGN_STORE, FaultKind.TWO_PRIMARIES),
    "grounds": (FaultKind.RESHARD, *([FaultKind.POOLER] if pooler_program() else [])),
}
NEW = {kind for group in GROUPS.values() for kind in group} | {FaultKind.POOLER, FaultKind.REDIS_CLOCK}
GROUPS["ordinary"] = tuple(kind for kind in FaultKind if kind not in NEW)


@pytest.mark.parametrize("name", [name for name, faults in GROUPS.items() if faults])
def test_no_fault_loses_or_doubles_work(name: str, tmp_path: Path) -> None:
    faults = GROUPS[name]
    count = len(faults)
    process = drill(tmp_path, "--rounds", str(count), "--seed", "1", "--json", "--faults", ",".join(faults))
    shown, said = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 0, (said, shown)
    *rounds, last = lines(shown)
    assert sorted(told["round"] for told in rounds) == list(range(1, count + 1))
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
