"""A swarm cut into shards, on one node and on three: what a cluster gives, and what cutting costs."""

from benchmarks.cluster import NODES, ClusterInstallation
from benchmarks.installation import Installation
from benchmarks.peer import Peer
from benchmarks.run import Run, names
from benchmarks.scenario import Bench, Figures, Scenario

JOBS, GOALS, PROCESSES, SLOTS = 12_000, 300, 2, 25
WHOLE, CUT, CLUSTER = "one node, one shard", f"one node, {NODES} shards", f"{NODES} nodes, {NODES} shards"


def shards(bench: Bench, subject: str) -> Figures:
    """Drain many goals, for whole goals are shared out among the shards."""
    jobs = names(bench.size(JOBS, 1_500))
    with ClusterInstallation() if subject == CLUSTER else Installation() as place:
        place.environment["CHIMERA_SHARDS"] = str(1 if subject == WHOLE else NODES)
        place.environment["GOALS"] = str(bench.size(GOALS, 30))
        peer = Peer("chimera", None, place, slots=SLOTS)
        peer.enqueue("noop", jobs)
        run = Run(peer, peer.fleet(PROCESSES), jobs)
        costs = run.costs()
        done = run.end()
    nodes = [cost for name, cost in costs.items() if name.startswith("redis") and cost is not None]
    told = {
        "tasks_per_s": done.rate,
        "redis_us": sum(nodes),
        "node_us": max(nodes),
        "workers_us": costs["workers_cpu_us"],
    }
    return {**told, "lost": done.lost, "doubled": done.doubled}


SCENARIO = Scenario(
    about=f"""{JOBS:,} no-ops of {GOALS} goals, {PROCESSES} worker processes of {SLOTS} slots, by the real command, all servers and
    workers on the same cores. Rate and CPU as in *drain*.""",
    headings={
        "tasks_per_s": "tasks/s",
        "workers_us": "workers, us of CPU a task",
        "redis_us": "all nodes of Redis, us",
        "node_us": "the busiest node, us",
        "lost": "lost",
        "doubled": "doubled",
    },
    subjects=lambda _: (WHOLE, CUT, CLUSTER),
    measure=shards,
    beside_floor="tasks_per_s",
)
