"""taskiq with the streams of taskiq-redis, which keep what a dead worker held."""

import asyncio
import os
import sys

import noted
from taskiq_redis import RedisStreamBroker

WORKER = ["taskiq", "worker", "taskiq_jobs:broker", "--workers", "1", "--log-level", "ERROR"]
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


async def submit(kind: str, jobs: list[str]) -> None:
    """Enqueue jobs."""
    await broker.startup()
    for job in jobs:
        await {"slow": slow, "poison": poison}[kind].kiq(job)
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(submit(sys.argv[1], sys.argv[2:]))
