"""rq: one job a process at a time."""

import os
import sys

from noted import poison, slow
from redis import Redis
from rq import Queue

WORKER = ["rq", "worker", "--url", os.environ["REDIS_URL"], "--quiet"]
JOBS = {"slow": slow, "poison": poison}

if __name__ == "__main__":
    queue = Queue(connection=Redis.from_url(os.environ["REDIS_URL"]))
    for job in sys.argv[2:]:
        queue.enqueue(JOBS[sys.argv[1]], job)
