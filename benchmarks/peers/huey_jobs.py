"""huey without results: a job is gone from Redis when a worker takes it, so it runs at most once."""

import os

import noted
from huey import RedisHuey

WORKER = "huey_consumer huey_jobs.huey --workers 4 --quiet"
FLEET = "huey_consumer huey_jobs.huey --workers {SLOTS} --quiet"
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
    noted.nap(job, noted.BLINK_S)


JOBS = {"slow": slow, "poison": poison, "noop": noop, "nap": nap, "blink": blink}

if __name__ == "__main__":
    noted.order(lambda kind, job: JOBS[kind](job))
