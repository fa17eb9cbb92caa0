"""The record alone: tasks are claimed and completed while nobody records, then all their events go into Postgres at once."""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence

from benchmarks.usage import cpu_s
from chimera_cli import Swarm, connect
from chimera_cli.models.delivery import Stage
from chimera_cli.models.result import TaskResult

AGENTS = [f"agent-{number}" for number in range(50)]


async def record(postgres: int) -> dict[str, float]:
    """Do what waits, then record it."""
    async with connect() as swarm:
        await swarm.orchestrator.reconcile()
        await _work(swarm)
        since, before, theirs = time.perf_counter(), time.process_time(), cpu_s([postgres])
        events = 0
        while new := await swarm.orchestrator.record():
            events += new
        took = time.perf_counter() - since
        cpu = {"workers_cpu_us": time.process_time() - before, "postgres_cpu_us": cpu_s([postgres]) - theirs}
    return {"per_s": events / took, **{name: seconds * 1e6 / events for name, seconds in cpu.items()}}


async def _work(swarm: Swarm) -> None:
    while claimed := await swarm.queue.pop_tasks(Stage.WORK, AGENTS):
        await asyncio.gather(*(swarm.queue.complete(delivery.lease, TaskResult()) for delivery in claimed))


def main(arguments: Sequence[str]) -> None:
    """Measure, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("postgres", type=int, help="the server's process")
    print(json.dumps(asyncio.run(record(parser.parse_args(arguments).postgres))))


if __name__ == "__main__":
    main(sys.argv[1:])
