"""rq: one job a process at a time."""

import os

import noted
from noted import blink, nap, poison, slow
from noted import mark as noop
from redis import Redis
from rq import Queue

WORKER = "rq worker --url {REDIS_URL} --quiet"
FLEET = "rq worker --url {REDIS_URL} --quiet --worker-class rq.SimpleWorker"
JOBS = {"slow": slow, "poison": poison, "noop": noop, "nap": nap, "blink": blink}

if __name__ == "__main__":
    queue = Queue(connection=Redis.from_url(os.environ["REDIS_URL"]))
    noted.order(
        lambda kind, job: queue.enqueue(JOBS[kind], job),
        lambda kind, jobs: queue.enqueue_many([Queue.prepare_data(JOBS[kind], (job,)) for job in jobs]),
    )
