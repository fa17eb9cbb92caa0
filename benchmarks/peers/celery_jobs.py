"""celery: with ACKS_LATE=1 in the environment as its documentation advises for jobs that must not be lost, else as it comes."""

import os

import noted
from celery import Celery

WORKER = "celery -A celery_jobs worker --concurrency 4 --loglevel ERROR"
FLEET = "celery -A celery_jobs worker --pool threads --concurrency {SLOTS} --hostname w{NUMBER}@%h --loglevel ERROR"
app = Celery(broker=os.environ["REDIS_URL"])
if os.environ.get("ACKS_LATE"):
    app.conf.task_acks_late = True
    app.conf.task_reject_on_worker_lost = True


@app.task(name="slow")
def slow(job: str) -> None:
    """Take three seconds."""
    noted.slow(job)


@app.task(name="poison")
def poison(job: str) -> None:
    """Take the process along."""
    noted.poison(job)


@app.task(name="noop", ignore_result=True)
def noop(job: str) -> None:
    """Leave a mark."""
    noted.mark(job)


@app.task(name="nap", ignore_result=True)
def nap(job: str) -> None:
    """Take a second."""
    noted.nap(job)


@app.task(name="blink", ignore_result=True)
def blink(job: str) -> None:
    """Take 50 ms."""
    noted.blink(job)


JOBS = {"slow": slow, "poison": poison, "noop": noop, "nap": nap, "blink": blink}

if __name__ == "__main__":
    noted.order(lambda kind, job: JOBS[kind].delay(job))
