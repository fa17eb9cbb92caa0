"""The floor: plain redis-py on one stream with a consumer group. It acknowledges what it did, and promises nothing else."""

import os
import sys
from collections.abc import Sequence

import noted
from redis import Redis

FLEET = "python {JOBS} work"
STREAM, GROUP = "floor", "workers"
BATCH = 10
"""Messages a read."""
IN_ONE_GO = 100
"""Messages put in with one pipeline."""


def work(redis: Redis) -> None:
    """Read, leave a mark for each message, acknowledge."""
    redis.ping()
    while True:
        for _, messages in redis.xreadgroup(GROUP, str(os.getpid()), {STREAM: ">"}, count=BATCH, block=1000):
            pipeline = redis.pipeline(transaction=False)
            for entry, fields in messages:
                noted.mark(fields[b"job"].decode())
                pipeline.xack(STREAM, GROUP, entry)
            pipeline.execute()


def fill(redis: Redis, jobs: Sequence[str]) -> None:
    """Put jobs into the stream."""
    for first in range(0, len(jobs), IN_ONE_GO):
        pipeline = redis.pipeline(transaction=False)
        for job in jobs[first : first + IN_ONE_GO]:
            pipeline.xadd(STREAM, {"job": job})
        pipeline.execute()


if __name__ == "__main__":
    client = Redis.from_url(os.environ["REDIS_URL"], socket_timeout=None)
    if not client.exists(STREAM):
        client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    if sys.argv[1] == "work":
        work(client)
    noted.order(lambda _, job: client.xadd(STREAM, {"job": job}), lambda _, jobs: fill(client, jobs))
