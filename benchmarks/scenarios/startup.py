"""The command line: from the start of the process to its first byte and its end."""

import statistics
import sys
from pathlib import Path

from benchmarks.installation import Installation, Place
from benchmarks.scenario import Bench, Figures, Scenario
from benchmarks.usage import command

FLOOR = "python -c pass"
READS = ("chimera status --json", "chimera tasks list --json")
COMMANDS = ("chimera --version", "chimera --help", "chimera worker --help", *READS)
TIMES = 10


def startup(bench: Bench, words: str) -> Figures:
    """Start a command again and again."""
    with Installation() if words in READS else Place() as place:
        first, *rest = words.split()
        argv: list[str | Path] = [Path(sys.executable).with_name(first), *rest]
        # The first one compiles, and warms the file cache.
        times = bench.size(TIMES, 3) + 1
        runs = [command(argv, place.environment, place.folder, listen=True) for _ in range(times)][1:]
    heard = [run.first_byte_s for run in runs if run.first_byte_s is not None]
    return {
        **({"first_byte_ms": _median_ms(heard)} if heard else {}),
        "wall_ms": _median_ms([run.wall_s for run in runs]),
        "cpu_ms": _median_ms([run.cpu_s for run in runs]),
        "rss_mib": runs[0].rss_mib,
    }


def _median_ms(seconds: list[float]) -> float:
    return statistics.median(seconds) * 1000


SCENARIO = Scenario(
    about=f"""Whole processes, started {TIMES} times a round; medians. `status` asks a Redis and a Postgres that have nothing to
    tell, `tasks list` Postgres alone.""",
    headings={"first_byte_ms": "first byte, ms", "wall_ms": "wall, ms", "cpu_ms": "CPU, ms", "rss_mib": "RSS, MiB"},
    subjects=lambda _: (FLOOR, *COMMANDS),
    measure=startup,
    beside_floor="wall_ms",
)
