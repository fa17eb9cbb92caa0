"""arq: many jobs a process."""

import asyncio
import os

import noted
from arq import create_pool
from arq.connections import RedisSettings

WORKER = "arq arq_jobs.Worker"
REDIS = RedisSettings.from_dsn(os.environ["REDIS_URL"])


async def slow(_: object, job: str) -> None:
    """Take three seconds."""
    noted.note("start", job)
    await asyncio.sleep(3)
    noted.note("end", job)


async def poison(_: object, job: str) -> None:
    """Take the process along."""
    noted.poison(job)


async def noop(_: object, job: str) -> None:
    """Leave a mark."""
    noted.mark(job)


async def nap(_: object, job: str) -> None:
    """Take a second."""
    await asyncio.sleep(1)
    noted.mark(job)


async def blink(_: object, job: str) -> None:
    """Take 50 ms."""
    await asyncio.sleep(noted.BLINK_S)
    noted.mark(job)


class Worker:
    """The defaults, but for the number of slots when it is given."""

    functions = (slow, poison, noop, nap, blink)
    redis_settings = REDIS
    max_jobs = int(os.environ.get("SLOTS", 10))


async def submit() -> None:
    """Enqueue jobs."""
    pool = await create_pool(REDIS)
    await noted.order_async(pool.enqueue_job)


if __name__ == "__main__":
    asyncio.run(submit())
