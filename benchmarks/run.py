"""One run of a queue's workers over jobs: watched from outside, by the marks that the jobs leave."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence

from benchmarks import effects
from benchmarks.installation import Installation, end, until
from benchmarks.peer import Peer
from benchmarks.usage import cpu_s, rss_mib

STALLED_S = 60.0
"""A run without a new mark for so long is over; what is not marked then is lost."""
WARM, WARM_UPS = 100, 20
"""Jobs that show who is up, and how often they are tried."""
LOOK_S = 0.005
"""Time between two looks at the size of the file of marks."""


class Run:
    """Workers at work on jobs, from their start to their end."""

    def __init__(self, peer: Peer, workers: "Sequence[subprocess.Popen[bytes]]", jobs: Sequence[str]) -> None:
        """Args:
        peer: The queue.
        workers: Its workers, just started.
        jobs: The jobs to wait for; more may be in the queue.
        """
        self._peer, self._workers, self._jobs = peer, workers, jobs

    def warm_up(self) -> None:
        """Give the workers short jobs until each process has done one; what is made at first use is made, and no mark is left.

        Raises:
            TimeoutError: Not all came up.
        """
        asked, up = 0, set[str]()
        for _ in range(WARM_UPS):
            self._peer.enqueue("blink", [f"warm-{asked + number}" for number in range(WARM)])
            asked += WARM
            until(lambda asked=asked: effects.count(self._peer.marks) >= asked, "the first jobs are done", STALLED_S)  # type: ignore[misc]
            up = effects.processes(self._peer.marks)
            if len(up) >= len(self._workers):
                return os.truncate(self._peer.marks, 0)
        raise TimeoutError(
            f"{len(up)} of {len(self._workers)} worker processes came up: {self._peer.place.last_words()}"
        )

    def marked(self, share: float) -> int:
        """Wait for as many marks as this share of the jobs, and return how many there are; fewer when the run has stalled.

        Raises:
            TimeoutError: It never began.
        """
        wanted, seen, since = len(self._jobs) * share, 0, time.monotonic()
        while (count := effects.count(self._peer.marks)) < wanted:
            if count > seen:
                seen, since = count, time.monotonic()
            if time.monotonic() - since > STALLED_S:
                break
            time.sleep(LOOK_S)
        if not count:
            raise TimeoutError(
                f"nothing was done within {STALLED_S:g} s; the workers said: {self._peer.place.last_words()}"
            )
        return count

    def costs(self) -> dict[str, float | None]:
        """See the run to its end: what a task cost each tree between the first and the last tenth of the marks, what it cost all
        of them until it was on record, and how long after the last mark that was."""
        begin, before = self.marked(0.1), self._cpu()
        finish, after = self.marked(0.9), self._cpu()
        done = self.marked(1)
        behind = self._record_behind_s()
        whole = sum(self._cpu().values()) - sum(before.values())
        return {
            **{f"{name}_cpu_us": (after[name] - before[name]) * 1e6 / (finish - begin) for name in before},
            "whole_cpu_us": whole * 1e6 / (done - begin),
            "behind_s": behind,
        }

    def rss_mib(self) -> float:
        """Return the memory of the workers."""
        return rss_mib(worker.pid for worker in self._workers)

    def end(self) -> effects.Tally:
        """End the workers and count what they did."""
        for worker in self._workers:
            end(worker)
        return effects.tally(effects.read(self._peer.marks), self._jobs)

    def _record_behind_s(self) -> float | None:
        """Wait until every goal is completed in the record, and return how long after the last mark; None without a record."""
        place = self._peer.place
        if not isinstance(place, Installation):
            return None
        live = "SELECT count(*) FROM goals WHERE status <> 'COMPLETED'"
        # One connection for all looks: a new one costs the server more than the look.
        with place.database() as database:
            until(lambda: database.execute(live).fetchone() == (0,), "every goal is completed", STALLED_S)
        return time.monotonic() - max(at for _, at in effects.read(self._peer.marks)) / 1e9

    def _cpu(self) -> Mapping[str, float]:
        servers = {name: [pid] for name, pid in self._peer.place.servers.items() if pid is not None}
        trees = {"workers": [worker.pid for worker in self._workers], **servers}
        return {name: cpu_s(roots) for name, roots in trees.items()}


def names(count: int) -> list[str]:
    """Name jobs."""
    return [f"job-{number:07d}" for number in range(count)]
