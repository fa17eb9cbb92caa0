"""chimera beside other queues and beside plain redis-py, on this machine, in one run.

    python -m benchmarks --venvs VENVS --out results.json      # also: make bench VENVS=...
    python -m benchmarks --scenarios drain --quick

VENVS holds one virtual environment a peer, by its name: `python -m venv VENVS/saq && VENVS/saq/bin/pip install 'saq[redis]'`.
Those that are missing are left out, unless --peers names them. Everything runs on servers of its own, in a temporary folder.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.scenario import Bench, Scenario
from benchmarks.scenarios import (
    agents,
    backlog,
    crash,
    drain,
    enqueue,
    idle,
    judge,
    pickup,
    shards,
    sleep,
    startup,
    turns,
)
from benchmarks.table import markdown
from benchmarks.versions import machine, versions

SCENARIOS: dict[str, Scenario] = {
    module.__name__.rpartition(".")[2]: module.SCENARIO
    for module in (drain, enqueue, pickup, sleep, crash, agents, idle, backlog, turns, judge, shards, startup)
}
PEERS = ("dramatiq", "taskiq", "saq", "arq", "streaq", "celery", "huey", "rq")


def main(arguments: Sequence[str]) -> int:
    """Measure, write what was found, and show it."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    bench = Bench(peers=_peers(parser, chosen), venvs=chosen.venvs, quick=chosen.quick)
    results: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["python", "-m", "benchmarks", *arguments]),
        "rounds": chosen.rounds,
        "quick": chosen.quick,
        "machine": machine(),
        "versions": versions(bench.peers, bench.venvs),
        "scenarios": {},
    }
    if chosen.out:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
    for name in chosen.scenarios:
        results["scenarios"][name] = measure(bench, name, SCENARIOS[name], chosen.rounds)
        if chosen.out:
            chosen.out.write_text(json.dumps(results, indent=1) + "\n")
            chosen.out.with_suffix(".md").write_text(markdown(results))
    print(markdown(results))
    return int(any(found["failed"] for found in results["scenarios"].values()))


def measure(bench: Bench, name: str, scenario: Scenario, rounds: int) -> dict[str, Any]:
    """Measure all subjects round by round, so that a slow minute of the machine meets them all."""
    found: dict[str, dict[str, list[float | None]]] = {}
    failed: dict[str, str] = {}
    for number in range(1, rounds + 1):
        for subject in scenario.subjects(bench):
            print(f"{name}: {subject}, round {number} of {rounds}", file=sys.stderr, flush=True)
            try:
                figures = scenario.measure(bench, subject)
            except (RuntimeError, TimeoutError, OSError, ArithmeticError, IndexError) as error:
                failed[subject] = str(error).strip().splitlines()[-1]
                continue
            for key, value in figures.items():
                found.setdefault(subject, {}).setdefault(key, []).append(value)
    return {
        "about": scenario.about,
        "headings": scenario.headings,
        "beside_floor": scenario.beside_floor,
        "subjects": found,
        "failed": failed,
    }


def _peers(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> tuple[str, ...]:
    """Tell who takes part: those that were named, or all that have an environment. An hour is too long for a slip of the pen."""
    there = [name for name in PEERS if chosen.venvs and (chosen.venvs / name).is_dir()]
    missing = set(chosen.peers or (PEERS if chosen.venvs and not there else ())) - set(there)
    if missing:
        parser.error(f"no environment of {', '.join(sorted(missing))} in {chosen.venvs or 'any folder: --venvs'}")
    return tuple(name for name in there if not chosen.peers or name in chosen.peers)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenarios", nargs="+", default=list(SCENARIOS), choices=list(SCENARIOS), metavar="NAME")
    parser.add_argument("--venvs", type=Path, help="folder with one virtual environment a peer")
    parser.add_argument("--peers", nargs="+", default=[], choices=list(PEERS), metavar="NAME", help="these alone")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured")
    parser.add_argument(
        "--out", type=Path, metavar="FILE.json", help="where to write the results, beside it as FILE.md"
    )
    parser.add_argument("--quick", action="store_true", help="less work, to try it out")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
