"""A long queue: does it cost more to work in front of a million waiting tasks than in front of a thousand?"""

from collections.abc import Mapping
from typing import Any

from benchmarks import effects
from benchmarks.installation import Installation, cut
from benchmarks.peer import Peer
from benchmarks.run import Run, names
from benchmarks.scenario import Bench, Figures, Scenario

PROCESSES, SLOTS = 2, 25
DRAINED = 5_000
"""Tasks that are done in front of those that go on waiting."""
GOAL = 100_000
"""Most tasks in one goal."""
Stats = Mapping[str, Mapping[str, int]]


def backlog(bench: Bench, subject: str) -> Figures:
    """Work in front of a backlog."""
    drained = bench.size(DRAINED, 2_000)
    count = int(subject.split()[0].replace(",", "")) + drained
    with Installation() as place:
        # By default no more than 100,000 may wait.
        place.environment["CHIMERA_MAX_QUEUED"] = "0"
        peer, redis = Peer("chimera", None, place, slots=SLOTS), place.client()
        empty = _used(redis)
        took = sum(peer.enqueue("noop", names(min(GOAL, count - first))) for first in range(0, count, GOAL))
        waiting = (_used(redis) - empty) / count
        workers = peer.fleet(PROCESSES)
        run = Run(peer, workers, names(drained))
        begin, before = run.marked(0.1), _stats(redis)
        finish, after = run.marked(0.9), _stats(redis)
        run.marked(1)
        for worker in workers:
            cut(worker)  # The rest of the backlog is of no interest.
        done = sorted(at for _, at in effects.read(peer.marks))[:drained]
    scripts, commands = ((calls(after, name) - calls(before, name)) / (finish - begin) for name in ("evalsha", ""))
    told = {"tasks_per_s": effects.rate(done), "bytes": waiting, "scripts": scripts, "commands": commands}
    return {**told, "fill_per_s": count / took}


def calls(stats: Stats, name: str = "") -> int:
    """Count calls of one command, or of all, those within scripts included."""
    return sum(stat["calls"] for command, stat in stats.items() if command.removeprefix("cmdstat_") == name or not name)


def _used(redis: Any) -> int:
    return int(redis.info("memory")["used_memory"])


def _stats(redis: Any) -> Stats:
    stats: Stats = redis.info("commandstats")
    return stats


SCENARIO = Scenario(
    about=f"""So many no-ops wait, and {DRAINED:,} more in front of them, all in one lane; then {PROCESSES} worker processes of
    {SLOTS} slots start and do the first {DRAINED:,}. Rate and calls between the first and the last tenth of these; memory of
    Redis by tasks when nothing has begun. *Commands* are what Redis executes, those inside scripts included.""",
    headings={
        "tasks_per_s": "tasks/s",
        "bytes": "bytes of Redis a waiting task",
        "scripts": "scripts a task",
        "commands": "commands a task",
        "fill_per_s": "filled, tasks/s",
    },
    subjects=lambda bench: ("1,000 waiting", "100,000 waiting", *(() if bench.quick else ("1,000,000 waiting",))),
    measure=backlog,
    beside_floor="tasks_per_s",
)
