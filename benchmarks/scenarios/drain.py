"""No-ops, all enqueued before the workers start: how fast they are done, and what each costs whom."""

from benchmarks.run import Run, names
from benchmarks.scenario import Bench, Figures, Scenario

JOBS, PROCESSES, SLOTS = 20_000, 2, 25


def drain(bench: Bench, name: str) -> Figures:
    """Drain a queue."""
    jobs = names(bench.size(JOBS, 3_000))
    with bench.peer(name, slots=SLOTS) as peer:
        peer.enqueue("noop", jobs)
        run = Run(peer, peer.fleet(PROCESSES), jobs)
        costs = run.costs()
        done = run.end()
    return {"tasks_per_s": done.rate, **costs, "lost": done.lost, "doubled": done.doubled}


SCENARIO = Scenario(
    about=f"""{JOBS:,} no-ops are enqueued, then {PROCESSES} worker processes of {SLOTS} slots start (floor and rq: one job at a
    time). Rate and CPU between the first and the last tenth of the effects. *All* is the CPU of all of them until
    everything is on record, *behind* the time from the last effect to then.""",
    headings={
        "tasks_per_s": "tasks/s",
        "workers_cpu_us": "workers, us of CPU a task",
        "redis_cpu_us": "Redis, us",
        "postgres_cpu_us": "Postgres, us",
        "whole_cpu_us": "all, us",
        "behind_s": "record behind, s",
        "lost": "lost",
        "doubled": "doubled",
    },
    subjects=lambda bench: bench.queues,
    measure=drain,
    beside_floor="tasks_per_s",
)
