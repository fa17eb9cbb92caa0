"""streaQ: many jobs a process; it needs Redis 7 or newer."""

import asyncio
import os
from collections.abc import Sequence

import noted
from streaq import Worker

WORKER = "streaq run streaq_jobs:worker"
worker = Worker(redis_url=os.environ["REDIS_URL"], concurrency=int(os.environ.get("SLOTS", 16)))


@worker.task
async def slow(job: str) -> None:
    """Take three seconds."""
    noted.note("start", job)
    await asyncio.sleep(3)
    noted.note("end", job)


@worker.task
async def poison(job: str) -> None:
    """Take the process along."""
    noted.poison(job)


@worker.task
async def noop(job: str) -> None:
    """Leave a mark."""
    noted.mark(job)


@worker.task
async def nap(job: str) -> None:
    """Take a second."""
    await asyncio.sleep(1)
    noted.mark(job)


@worker.task
async def blink(job: str) -> None:
    """Take 50 ms."""
    await asyncio.sleep(noted.BLINK_S)
    noted.mark(job)


JOBS = {"slow": slow, "poison": poison, "noop": noop, "nap": nap, "blink": blink}


async def fill(kind: str, jobs: Sequence[str]) -> None:
    """Enqueue in pipelines of a hundred."""
    for first in range(0, len(jobs), noted.AT_ONCE):
        await worker.enqueue_many([JOBS[kind].enqueue(job) for job in jobs[first : first + noted.AT_ONCE]])


async def submit() -> None:
    """Enqueue jobs."""
    async with worker:
        await noted.order_async(lambda kind, job: JOBS[kind].enqueue(job), fill)


if __name__ == "__main__":
    asyncio.run(submit())
