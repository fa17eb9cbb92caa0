"""What the peers' jobs do, and how they are put into a queue: the same for all, in a file outside of every queue.

A lost or repeated run shows there, and so does the moment of each. The peers' own environments import it: standard library only.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import cache

WIDTH = 44
"""Bytes of a mark, its line end included: so many marks as the file's size divided by this."""
MARK = "{:<15.15} {:019d} {:07d}\n"
"""Which job, when, in which process."""
BLINK_S = 0.05
"""What a short job takes."""
DRAFT = "The harvest was good in all three valleys this year."
"""What a judge gets to read."""
AT_ONCE = 100
"""Calls that an asyncio client has under way when it enqueues in bulk."""


def note(word: str, job: str) -> None:
    """Append one whole line: what happened, to which job, in which process."""
    file = os.open(os.environ["EFFECTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, f"{word} {job} {os.getpid()}\n".encode())
    os.close(file)


def slow(job: str) -> None:
    """Take three seconds."""
    note("start", job)
    time.sleep(3)
    note("end", job)


def poison(job: str) -> None:
    """Take the process along."""
    note("start", job)
    os._exit(1)


def mark(job: str, file: str = "MARKS") -> None:
    """Append a line of fixed length, with the monotonic clock, which all processes of a machine share."""
    os.write(_opened(os.environ[file]), MARK.format(job.replace(" ", "-"), time.monotonic_ns(), os.getpid()).encode())


@cache
def _opened(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def nap(job: str, seconds: float = 1) -> None:
    """Take a second, or less."""
    time.sleep(seconds)
    mark(job)


def blink(job: str) -> None:
    """Take 50 ms."""
    nap(job, BLINK_S)


def order(send: Callable[[str, str], object], bulk: Callable[[str, Sequence[str]], object] | None = None) -> None:
    """Enqueue what the command line and stdin ask for: `send` takes kind and job, `bulk` kind and jobs."""
    kind, jobs, pause_s = asked()
    since = time.monotonic()
    if bulk and not pause_s:
        bulk(kind, jobs)
    else:
        for number, job in enumerate(jobs):
            if pause_s:
                time.sleep(max(0.0, since + number * pause_s - time.monotonic()))
                mark(job, "BEGUN")
            send(kind, job)
    tell(time.monotonic() - since)


async def order_async(
    send: Callable[[str, str], Awaitable[object]],
    bulk: Callable[[str, Sequence[str]], Awaitable[object]] | None = None,
) -> None:
    """Do the same with a client that is awaited; without a `bulk` of its own it has a hundred calls under way."""
    kind, jobs, pause_s = asked()
    since = time.monotonic()
    if pause_s:
        for number, job in enumerate(jobs):
            await asyncio.sleep(max(0.0, since + number * pause_s - time.monotonic()))
            mark(job, "BEGUN")
            await send(kind, job)
    elif bulk:
        await bulk(kind, jobs)
    else:
        for first in range(0, len(jobs), AT_ONCE):
            await asyncio.gather(*(send(kind, job) for job in jobs[first : first + AT_ONCE]))
    tell(time.monotonic() - since)


def asked() -> tuple[str, list[str], float]:
    """Return kind, jobs and the pause between two of them in s, from the command line and stdin."""
    pause_s = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    return sys.argv[1], sys.stdin.read().split(), pause_s


def tell(seconds: float) -> None:
    """Say how long it took, without the start of the process."""
    print(json.dumps({"seconds": seconds}))
