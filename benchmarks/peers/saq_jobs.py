"""saq: many jobs a process."""

import asyncio
import os

import noted
from saq import Queue

WORKER = "saq saq_jobs.settings --quiet"
queue = Queue.from_url(os.environ["REDIS_URL"])


async def slow(_: object, *, job: str) -> None:
    """Take three seconds."""
    noted.note("start", job)
    await asyncio.sleep(3)
    noted.note("end", job)


async def poison(_: object, *, job: str) -> None:
    """Take the process along."""
    noted.poison(job)


async def noop(_: object, *, job: str) -> None:
    """Leave a mark."""
    noted.mark(job)


async def nap(_: object, *, job: str) -> None:
    """Take a second."""
    await asyncio.sleep(1)
    noted.mark(job)


async def blink(_: object, *, job: str) -> None:
    """Take 50 ms."""
    await asyncio.sleep(noted.BLINK_S)
    noted.mark(job)


settings = {
    "queue": queue,
    "functions": [slow, poison, noop, nap, blink],
    "concurrency": int(os.environ.get("SLOTS", 4)),
}


async def submit() -> None:
    """Enqueue jobs."""
    await noted.order_async(lambda kind, job: queue.enqueue(kind, job=job))
    await queue.disconnect()


if __name__ == "__main__":
    asyncio.run(submit())
