"""taskiq with the streams of taskiq-redis, which keep what a dead worker held."""

import asyncio
import os

import noted
from taskiq_redis import RedisStreamBroker

WORKER = "taskiq worker taskiq_jobs:broker --workers 1 --log-level ERROR"
FLEET = "taskiq worker taskiq_jobs:broker --workers 1 --log-level ERROR --max-async-tasks {SLOTS}"
broker = RedisStreamBroker(os.environ["REDIS_URL"])


@broker.task(task_name="slow")
async def slow(job: str) -> None:
    """Take three seconds."""
    noted.note("start", job)
    await asyncio.sleep(3)
    noted.note("end", job)


@broker.task(task_name="poison")
async def poison(job: str) -> None:
    """Take the process along."""
    noted.poison(job)


@broker.task(task_name="noop")
async def noop(job: str) -> None:
    """Leave a mark."""
    noted.mark(job)


@broker.task(task_name="nap")
async def nap(job: str) -> None:
    """Take a second."""
    await asyncio.sleep(1)
    noted.mark(job)


@broker.task(task_name="blink")
async def blink(job: str) -> None:
    """Take 50 ms."""
    await asyncio.sleep(noted.BLINK_S)
    noted.mark(job)


JOBS = {"slow": slow, "poison": poison, "noop": noop, "nap": nap, "blink": blink}


async def submit() -> None:
    """Enqueue jobs."""
    await broker.startup()
    await noted.order_async(lambda kind, job: JOBS[kind].kiq(job))
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(submit())
