"""huey without results: a job is gone from Redis when a worker takes it, so it runs at most once."""

import os
from importlib import import_module

import noted
from huey import RedisHuey

WORKER = "huey_consumer huey_jobs.huey --workers 4 --quiet --no-periodic"
FLEET = "huey_consumer huey_jobs.huey --workers {SLOTS} --quiet --no-periodic"
huey = RedisHuey(url=os.environ["REDIS_URL"], results=False)


@huey.task()
def slow(job: str) -> None:
    """Take three seconds."""
    noted.slow(job)


@huey.task()
def poison(job: str) -> None:
    """Take the process along."""
    noted.poison(job)


@huey.task()
def noop(job: str) -> None:
    """Leave a mark."""
    noted.mark(job)


@huey.task()
def nap(job: str) -> None:
    """Take a second."""
    noted.nap(job)


@huey.task()
def blink(job: str) -> None:
    """Take 50 ms."""
    noted.blink(job)


if __name__ == "__main__":
    # Under its own name: as the main module it would name its jobs so that no worker knows them.
    jobs = import_module("huey_jobs")
    noted.order(lambda kind, job: getattr(jobs, kind)(job))
