"""Jobs that wait: a second each, a thousand slots in one process, two jobs a slot."""

from benchmarks.run import Run, names
from benchmarks.scenario import Bench, Figures, Scenario

JOBS_A_SLOT, SLOTS = 2, 1_000


def sleep(bench: Bench, name: str) -> Figures:
    """Sleep at once."""
    slots = bench.size(SLOTS, 200)
    jobs = names(JOBS_A_SLOT * slots)
    with bench.peer(name, slots=slots) as peer:
        peer.enqueue("nap", jobs)
        run = Run(peer, peer.fleet(1), jobs)
        run.marked(0.5)
        rss = run.rss_mib()
        run.marked(1)
        done = run.end()
    took = (done.first[-1] - done.first[0]) / 1e9 + 1
    return {"times_ideal": took / JOBS_A_SLOT, "rss_mib": rss, "lost": done.lost, "doubled": done.doubled}


SCENARIO = Scenario(
    about=f"""{JOBS_A_SLOT * SLOTS:,} jobs of 1 s are enqueued, then one worker process of {SLOTS:,} slots starts. From the start
    of the first job (its effect less its second) to the last effect, by the {JOBS_A_SLOT} s that it takes at least; memory of the
    worker's processes when half is done.""",
    headings={"times_ideal": "times ideal", "rss_mib": "RSS, MiB", "lost": "lost", "doubled": "doubled"},
    # The floor and rq do one job at a time.
    subjects=lambda bench: [name for name in bench.queues if name not in ("floor", "rq")],
    measure=sleep,
)
