"""dramatiq: processes of threads."""

import os
import sys

import dramatiq
import noted
from dramatiq.brokers.redis import RedisBroker

WORKER = ["dramatiq", "dramatiq_jobs", "--processes", "1", "--threads", "4"]
dramatiq.set_broker(RedisBroker(url=os.environ["REDIS_URL"]))


@dramatiq.actor
def slow(job: str) -> None:
    """Take three seconds."""
    noted.slow(job)


@dramatiq.actor
def poison(job: str) -> None:
    """Take the process along."""
    noted.poison(job)


if __name__ == "__main__":
    for name in sys.argv[2:]:
        {"slow": slow, "poison": poison}[sys.argv[1]].send(name)
