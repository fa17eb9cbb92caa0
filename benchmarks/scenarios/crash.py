"""One of two worker processes dies in the middle, with everything that it started."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence

from benchmarks.installation import cut
from benchmarks.peers.noted import BLINK_S
from benchmarks.run import Run, names
from benchmarks.scenario import Bench, Figures, Scenario

JOBS, SLOTS = 2_000, 25
SHARE = 0.4
WATCHED_S = 120


def crash(bench: Bench, name: str) -> Figures:
    """Kill one of two workers."""
    jobs = names(bench.size(JOBS, 1_000))
    with bench.peer(name, slots=SLOTS) as peer:
        workers = peer.fleet(2)
        run = Run(peer, workers, jobs)
        run.warm_up()
        # Held back until all is enqueued, both begin at once, and neither has done most of it by then.
        _tell(workers, signal.SIGSTOP)
        peer.enqueue("blink", jobs)
        _tell(workers, signal.SIGCONT)
        reached = run.marked(SHARE)
        # Marks come in waves; half a job later is the middle of what is under way.
        time.sleep(BLINK_S / 2)
        cut(workers[0])
        killed = time.monotonic_ns()
        # Also when all is done: what is done again would come now.
        time.sleep(bench.size(WATCHED_S, 30))
        done = run.end()
    over = None if done.lost else (done.first[-1] - killed) / 1e9
    killed_at = 100 * reached / len(jobs)
    return {"killed_at": killed_at, "over_s": over, "lost": done.lost, "doubled": done.doubled}


def _tell(workers: "Sequence[subprocess.Popen[bytes]]", number: signal.Signals) -> None:
    for worker in workers:
        os.killpg(worker.pid, number)


SCENARIO = Scenario(
    about=f"""{JOBS:,} jobs of 50 ms for 2 worker processes of {SLOTS} slots that are up. At {SHARE:.0%} all processes of one die by
    SIGKILL, and nobody takes its place. All have default settings, and are watched for {WATCHED_S} s: what is not done by then may
    be done later, and what was done once may be done again. chimera's lease is 15 s.""",
    headings={"killed_at": "killed at, %", "over_s": "all done after, s", "lost": "not done", "doubled": "done twice"},
    subjects=lambda bench: [name for name in bench.queues if name not in ("floor", "rq")],
    measure=crash,
)
