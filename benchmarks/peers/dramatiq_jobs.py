"""dramatiq: processes of threads."""

import os

import dramatiq
import noted
from dramatiq.brokers.redis import RedisBroker

WORKER = "dramatiq dramatiq_jobs --processes 1 --threads 4"
FLEET = "dramatiq dramatiq_jobs --processes 1 --threads {SLOTS}"
dramatiq.set_broker(RedisBroker(url=os.environ["REDIS_URL"]))


@dramatiq.actor
def slow(job: str) -> None:
    """Take three seconds."""
    noted.slow(job)


@dramatiq.actor
def poison(job: str) -> None:
    """Take the process along."""
    noted.poison(job)


@dramatiq.actor
def noop(job: str) -> None:
    """Leave a mark."""
    noted.mark(job)


@dramatiq.actor
def nap(job: str) -> None:
    """Take a second."""
    noted.nap(job)


@dramatiq.actor
def blink(job: str) -> None:
    """Take 50 ms."""
    noted.blink(job)


JOBS = {"slow": slow, "poison": poison, "noop": noop, "nap": nap, "blink": blink}

if __name__ == "__main__":
    noted.order(lambda kind, job: JOBS[kind].send(job))
