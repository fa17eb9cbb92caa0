"""Putting work in: how many tasks a second are accepted, and what a long plan needs in memory."""

import json
import sys
from pathlib import Path

from benchmarks.installation import Installation
from benchmarks.run import names
from benchmarks.scenario import Bench, Figures, Scenario
from benchmarks.usage import command

TASKS = 20_000
COMMAND, LONG = "chimera plan", "chimera plan, five times as many"


def enqueue(bench: Bench, name: str) -> Figures:
    """Fill a queue."""
    count = bench.size(TASKS, 2_000)
    if name in (COMMAND, LONG):
        return _command(count if name == COMMAND else 5 * count)
    with bench.peer(name, slots=1) as peer:
        return {"tasks_per_s": count / peer.enqueue("noop", names(count))}


def _command(count: int) -> Figures:
    with Installation() as place:
        plan = place.folder / "plan.jsonl"
        plan.write_text("".join(json.dumps({"key": job, "kind": "noop", "title": job}) + "\n" for job in names(count)))
        kinds = Path(__file__).parents[1] / "peers" / "chimera_jobs.py"
        words: list[str | Path] = [
            sys.executable,
            "-m",
            "chimera_cli",
            "plan",
            "fill",
            "--file",
            plan,
            "--handlers",
            kinds,
        ]
        environment = {**place.environment, "PYTHONPATH": f"{kinds.parent}:{place.environment['PYTHONPATH']}"}
        used = command(words, environment, place.folder)
        queued = place.run("status")["queues"]["waiting"]
        figures = {"tasks_per_s": count / used.wall_s, "cpu_us": used.cpu_s * 1e6 / count, "rss_mib": used.rss_mib}
        return {**figures, "lost": count - queued}


SCENARIO = Scenario(
    about=f"""{TASKS:,} tasks are put in. For the queues: calls in one process, its start left out, by whatever they offer for many
    at once; for chimera that is `Swarm.submit`, which stores all in Postgres first. *chimera plan* is the whole command with
    `--file`, from its start to its end; its memory is the most it had resident.""",
    headings={
        "tasks_per_s": "tasks/s",
        "cpu_us": "us of CPU a task in the command",
        "rss_mib": "peak RSS, MiB",
        "lost": "not in the queue at the end",
    },
    subjects=lambda bench: (*bench.queues[:2], COMMAND, LONG, *bench.peers),
    measure=enqueue,
    beside_floor="tasks_per_s",
)
