"""The drill must be able to fail: it is run on copies of the package from which a safeguard was taken out."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.chaos.command import LONGEST_S, ROOT, drill, lines

pytestmark = [pytest.mark.chaos, pytest.mark.integration, pytest.mark.long]

NO_FENCE = {
    "adapters/lua/transition.lua": {
        "local task = load(id)\n  if not task or task.gen ~= generation": "do return load(id) end\n  local task = load(id)"
        "\n  if not task or task.gen ~= generation"
    },
    "agents/runs.py": {"if run is None or run.lease != lease": "if True or run is None or run.lease != lease"},
}
"""The scripts take every answer, and a process that was robbed goes on."""
NO_DISPATCH = {"services/orchestrator.py": {'            "dispatch": (chores.tasks, self.dispatch),\n': ""}}
LONG_STALLS_ONLY = {
    "simulation/chaos/draws.py": {
        '("kill", "kill", "stall", "restart")': '("stall",)',
        "(*WORKERS, *WORKERS, *JUDGES)": "WORKERS[:2]",
        "(1.1, 1.8)": "(1.7, 1.8)",
    },
    "simulation/chaos/schedule.py": {"EARLY = 0.25": "EARLY = 0.0"},
    "simulation/chaos/workload.py": {"LONGEST_S = 1.6": "LONGEST_S = 3.0", "AGAIN_S = 1.5": "AGAIN_S = 5.0"},
}
"""Whoever is robbed comes back while another one has his task, on slow machines too."""
NO_REDIS_FOR_COMMANDS = {
    "simulation/chaos/draws.py": {
        '("cut", "tear", "tear", "slow", "half-open", "refuse")': '("refuse",)',
        'f"{chance.choice((*ROLES, COMMANDS, EVERYBODY))} {chance.choice(FAR_ENDS)}"': 'f"{COMMANDS} redis"',
        "span(chance, 0.3, 2.0), amount=delay": "20.0, amount=delay",
    },
    "simulation/chaos/schedule.py": {"(0.2, 1.2)": "(0.0, 0.1)", "EARLY = 0.25": "EARLY = 1.0"},
    "simulation/chaos/round.py": {"timedelta(seconds=45)": "timedelta(seconds=-10)"},
}
NO_SWEEP = {"services/orchestrator.py": {'            "misplaced": (chores.sweep, self._sweep.step),\n': ""}}
TASKS_GONE = {
    "simulation/chaos/draws.py": {"chance.choice(FAMILIES)": '"t:<id>"'},
    "simulation/chaos/schedule.py": {"EARLY = 0.25": "EARLY = 0.0"},
    "simulation/chaos/round.py": {"timedelta(seconds=45)": "timedelta(seconds=5)"},
}
"""The hashes of all live tasks go while work runs, and patience ends soon."""
NO_IDENTITY = {
    "models/pairing.py": {
        "    identity = holding.identity\n": "    return Verdict.BOUND\n    identity = holding.identity\n"
    }
}
OTHER_REDIS = {"simulation/chaos/draws.py": {'("redis", "empty", "record")': '("redis",)'}}
NO_PROBE = {
    "adapters/script_heads.py": {
        'WRITES = "local refused = refusal(false) if refused then return refused end"': 'WRITES = ""'
    }
}
LONG_REFUSALS = {
    "simulation/chaos/draws.py": {"leases=span(chance, 0.2, 1.5)": "leases=1.5"},
    "simulation/chaos/schedule.py": {"EARLY = 0.25": "EARLY = 0.0"},
    "simulation/chaos/workload.py": {"LONGEST_S = 1.6": "LONGEST_S = 4.0"},
}
"""Longer than a lease, and tasks that outlive it."""


def without(folder: Path, *changes: Mapping[str, Mapping[str, str]]) -> Path:
    """Copy the package and change it."""
    shutil.copytree(ROOT / "chimera_cli", folder / "chimera_cli", ignore=shutil.ignore_patterns("__pycache__"))
    for change in changes:
        for name, replaced in change.items():
            file = folder / "chimera_cli" / name
            text = file.read_text()
            for old, new in replaced.items():
                assert old in text, f"{name} has no longer: {old}"
                text = text.replace(old, new)
            file.write_text(text)
    return folder


def broken(tmp_path: Path, package: Path, *arguments: str) -> tuple[set[str], str]:
    """Run a drill that must fail; returns the invariants that it found broken, and what it said."""
    (tmp_path / "run").mkdir()
    process = drill(tmp_path / "run", *arguments, "--keep", "--json", package=package)
    shown, said = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 1, (said, shown)
    *rounds, last = lines(shown)
    assert last["summary"]["broken"]
    return {breach["invariant"] for told in rounds for breach in told["breaches"]}, said


def test_without_the_fence_a_drill_fails_and_tells_its_seed(tmp_path: Path) -> None:
    package = without(tmp_path / "copy", NO_FENCE, LONG_STALLS_ONLY)
    found, said = broken(tmp_path, package, "--rounds", "4", "--seed", "734", "--faults", "worker")
    assert "1. one live lease" in found
    assert "--seed 734" in said


def test_without_dispatch_by_housekeeping_a_drill_fails_and_tells_its_seed(tmp_path: Path) -> None:
    package = without(tmp_path / "copy", NO_DISPATCH, NO_REDIS_FOR_COMMANDS)
    found, said = broken(tmp_path, package, "--rounds", "1", "--seed", "5", "--faults", "network")
    assert {"nothing waits for ever", "every accepted task ends"} <= found
    assert "--seed 5" in said


def test_without_the_sweep_a_drill_fails_when_keys_are_gone(tmp_path: Path) -> None:
    package = without(tmp_path / "copy", NO_SWEEP, TASKS_GONE)
    found, _ = broken(tmp_path, package, "--rounds", "1", "--seed", "5", "--faults", "key-family")
    assert {"nothing waits for ever", "every accepted task ends"} <= found


def test_without_the_comparison_of_identities_a_drill_fails_when_a_store_is_foreign(tmp_path: Path) -> None:
    package = without(tmp_path / "copy", NO_IDENTITY, OTHER_REDIS)
    found, _ = broken(tmp_path, package, "--rounds", "1", "--seed", "5", "--faults", "foreign-store")
    assert "foreign stores are refused" in found


def test_without_the_probe_of_scripts_a_drill_fails_when_redis_is_full(tmp_path: Path) -> None:
    package = without(tmp_path / "copy", NO_PROBE, LONG_REFUSALS)
    found, _ = broken(tmp_path, package, "--rounds", "1", "--seed", "5", "--faults", "oom")
    assert "no living agent is robbed" in found
