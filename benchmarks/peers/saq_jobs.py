"""saq: many jobs a process."""

import asyncio
import os
import sys

import noted
from saq import Queue

WORKER = ["saq", "saq_jobs.settings", "--quiet"]
queue = Queue.from_url(os.environ["REDIS_URL"])


async def slow(_: object, *, job: str) -> None:
    """Take three seconds."""
    noted.note("start", job)
    await asyncio.sleep(3)
    noted.note("end", job)


async def poison(_: object, *, job: str) -> None:
    """Take the process along."""
    noted.poison(job)


settings = {"queue": queue, "functions": [slow, poison], "concurrency": 4}


async def submit(kind: str, jobs: list[str]) -> None:
    """Enqueue jobs."""
    for job in jobs:
        await queue.enqueue(kind, job=job)
    await queue.disconnect()


if __name__ == "__main__":
    asyncio.run(submit(sys.argv[1], sys.argv[2:]))
