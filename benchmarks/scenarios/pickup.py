"""Idle workers, and one task every now and then: how long it takes until it is done."""

from benchmarks import effects
from benchmarks.figures import percentile
from benchmarks.run import Run, names
from benchmarks.scenario import Bench, Figures, Scenario

JOBS, PROCESSES, SLOTS = 500, 2, 25
PAUSE_S = 0.01


def pickup(bench: Bench, name: str) -> Figures:
    """Trickle jobs to idle workers."""
    jobs = names(bench.size(JOBS, 100))
    with bench.peer(name, slots=SLOTS) as peer:
        run = Run(peer, peer.fleet(PROCESSES), jobs)
        run.warm_up()
        peer.enqueue("noop", jobs, PAUSE_S)
        run.marked(1)
        done = run.end()
        marks = effects.read(peer.marks)
        whole = effects.latencies_ms(effects.read(peer.begun), marks)
        queued = effects.latencies_ms(effects.read(peer.queued), marks)
    found = _percentiles("", queued or whole)
    return {**found, **(_percentiles("submit_", whole) if queued else {}), "lost": done.lost, "doubled": done.doubled}


def _percentiles(what: str, latencies: list[float]) -> dict[str, float]:
    return {f"{what}p{share:.0%}".rstrip("%"): percentile(latencies, share) for share in (0.5, 0.99)}


SCENARIO = Scenario(
    about=f"""{PROCESSES} idle worker processes of {SLOTS} slots, {JOBS} no-ops, one every {PAUSE_S * 1000:g} ms or as soon as the
    one before is in from one client. From just before the call that puts a task into Redis to its effect. For chimera
    that call is the last of three; *accepted* counts from before the first, which stores a goal of one task in Postgres.""",
    headings={
        "p50": "p50, ms",
        "p99": "p99, ms",
        "submit_p50": "accepted: p50, ms",
        "submit_p99": "accepted: p99, ms",
        "lost": "lost",
        "doubled": "doubled",
    },
    subjects=lambda bench: bench.queues,
    measure=pickup,
    beside_floor="p50",
)
