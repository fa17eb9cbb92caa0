"""arq: many jobs a process."""

import asyncio
import os
import sys

import noted
from arq import create_pool
from arq.connections import RedisSettings

WORKER = ["arq", "arq_jobs.Worker"]
REDIS = RedisSettings.from_dsn(os.environ["REDIS_URL"])


async def slow(_: object, job: str) -> None:
    """Take three seconds."""
    noted.note("start", job)
    await asyncio.sleep(3)
    noted.note("end", job)


async def poison(_: object, job: str) -> None:
    """Take the process along."""
    noted.poison(job)


class Worker:
    """The defaults."""

    functions = (slow, poison)
    redis_settings = REDIS


async def submit(kind: str, jobs: list[str]) -> None:
    """Enqueue jobs."""
    pool = await create_pool(REDIS)
    for job in jobs:
        await pool.enqueue_job(kind, job)


if __name__ == "__main__":
    asyncio.run(submit(sys.argv[1], sys.argv[2:]))
