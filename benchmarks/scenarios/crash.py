"""One of two worker processes dies in the middle, with everything that it started."""

import time

from benchmarks.installation import cut
from benchmarks.run import Run, names
from benchmarks.scenario import Bench, Figures, Scenario

JOBS, SLOTS = 2_000, 25
WATCHED_S = 120
UP_S = 3.0
"""Time for the second worker to come up as well, after the first has done something."""
WARM = [f"warm-{number}" for number in range(100)]
"""Jobs that show when a worker is up."""


def crash(bench: Bench, name: str) -> Figures:
    """Kill one of two workers."""
    jobs = names(bench.size(JOBS, 1_000))
    with bench.peer(name, slots=SLOTS) as peer:
        workers = peer.fleet(2)
        run = Run(peer, workers, [*WARM, *jobs])
        peer.enqueue("noop", WARM)
        run.marked(len(WARM) / (len(WARM) + len(jobs)))
        time.sleep(UP_S)
        peer.enqueue("blink", jobs)
        run.marked(0.4)
        cut(workers[0])
        killed = time.monotonic_ns()
        run.marked(1, stalled_s=bench.size(WATCHED_S, 30))
        done = run.end()
    over = None if done.lost else (done.first[-1] - killed) / 1e9
    return {"over_s": over, "lost": done.lost, "doubled": done.doubled}


SCENARIO = Scenario(
    about=f"""{JOBS:,} jobs of 50 ms for 2 worker processes of {SLOTS} slots that are up. At 40 % all processes of one die by
    SIGKILL, and nobody takes its place. Everybody has default settings; a queue that has done nothing new for {WATCHED_S}
    s is not watched longer, and what is not done by then may be done later. chimera's lease is 15 s.""",
    headings={"over_s": "all done after, s", "lost": "not done", "doubled": "done twice"},
    subjects=lambda bench: [name for name in bench.queues if name not in ("floor", "rq")],
    measure=crash,
)
