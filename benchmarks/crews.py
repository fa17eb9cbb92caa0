"""A load on the real ports: crews of agents that beat, claim, hold what they claimed for a while, and complete it.

Each crew is what a worker process is to the servers: connections of its own, one beat for all its agents, one claim for all its
free ones. Many crews share one process here, so that thousands of agents fit on one machine. What it found goes to stdout as JSON.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import TypeVar

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import open_redis
from chimera_cli.adapters.redis_queue import RedisTaskQueue
from chimera_cli.adapters.redis_registry import RedisAgentRegistry
from chimera_cli.config import load_settings
from chimera_cli.exceptions import SwarmError
from chimera_cli.models.agent import AgentHeartbeat, AgentStatus, ProcessBeat, Role
from chimera_cli.models.delivery import Lease, Stage
from chimera_cli.models.policy import LeasePolicy
from chimera_cli.models.result import TaskResult
from chimera_cli.ports.queue import TaskQueuePort
from chimera_cli.ports.registry import AgentRegistryPort

PATIENCE = timedelta(seconds=1)
T = TypeVar("T")


@dataclass
class Findings:
    """What the calls took, in ms, and what went wrong."""

    beat: list[float] = field(default_factory=list)
    claim: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    claimed: int = 0
    counts: bool = False
    """Whether calls count by now; while the crews come up they do not."""

    async def time(self, latencies: list[float], call: Awaitable[T]) -> T | None:
        """Await a call and note what it took; None when it failed."""
        since = time.perf_counter()
        try:
            return await call
        except SwarmError as error:
            self.errors.append(f"{type(error).__name__}: {error}")
            return None
        finally:
            if self.counts:
                latencies.append((time.perf_counter() - since) * 1000)


class Crew:
    """The agents of one process."""

    def __init__(
        self, name: str, size: int, queue: TaskQueuePort, registry: AgentRegistryPort, *, found: Findings, hold_s: float
    ) -> None:
        """Args:
        name: Its process, to the others.
        size: Its agents.
        queue: Where they claim.
        registry: Where they beat.
        found: What is told of it.
        hold_s: How long a claimed task is held; 0: nothing is claimed.
        """
        self._name, self._queue, self._registry, self._found, self._hold_s = name, queue, registry, found, hold_s
        self._random = Random(name)
        self._steady_at = 0.0
        self._free = [f"{name}-{number}" for number in range(size)]
        self._held: dict[str, Lease] = {}
        self._work: set[asyncio.Task[None]] = set()

    async def live(self, beat: timedelta, spread_s: float) -> None:
        """Come up at some moment of the spread, and go on until cancelled.

        What is claimed within the spread is held beyond it, each for another time: from then on as many end in any second.
        """
        self._steady_at = time.monotonic() + spread_s
        await asyncio.sleep(self._random.uniform(0, spread_s))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._beat(beat))
                if self._hold_s:
                    group.create_task(self._claim())
        finally:
            for task in self._work:
                task.cancel()

    async def _beat(self, period: timedelta) -> None:
        while True:
            if leases := list(self._held.values()):
                await self._found.time([], self._queue.extend(leases))
            agents = [AgentHeartbeat(id=id, role=Role.WORKER, status=AgentStatus.IDLE) for id in self._free]
            agents += [
                AgentHeartbeat(id=id, role=Role.WORKER, status=AgentStatus.BUSY, task_id=lease.task_id)
                for id, lease in self._held.items()
            ]
            sign = ProcessBeat(process=self._name, period=period, agents=tuple(agents))
            await self._found.time(self._found.beat, self._registry.beat(sign))
            await asyncio.sleep(period.total_seconds())

    async def _claim(self) -> None:
        while True:
            free = list(self._free)
            if not free:
                await asyncio.wait(self._work, return_when=asyncio.FIRST_COMPLETED)
            elif await self._take(free, self._found.claim, timedelta(0)) < len(free):
                # What waits for a bell tells nothing of the server.
                await self._take(list(self._free), [], PATIENCE)

    async def _take(self, free: list[str], times: list[float], patience: timedelta) -> int:
        claimed = await self._found.time(times, self._queue.pop_tasks(Stage.WORK, free, patience=patience)) or ()
        for delivery in claimed:
            self._hold_on_to(delivery.lease)
        return len(claimed)

    def _hold_on_to(self, lease: Lease) -> None:
        self._free.remove(lease.agent)
        self._held[lease.agent] = lease
        self._found.claimed += self._found.counts
        task = asyncio.create_task(self._hold(lease))
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _hold(self, lease: Lease) -> None:
        early = self._steady_at - time.monotonic()
        await asyncio.sleep(early + self._random.uniform(0, self._hold_s) if early > 0 else self._hold_s)
        await self._found.time([], self._queue.complete(lease, TaskResult()))
        del self._held[lease.agent]
        self._free.append(lease.agent)


async def load(options: argparse.Namespace) -> Findings:
    """Let the crews come up, then measure for the given time."""
    settings, found = load_settings(), Findings()
    policy, url = settings.lease_policy(), settings.redis_url.get_secret_value()
    keys = Keys(settings.namespace, settings.shards)
    async with AsyncExitStack() as clients:
        crews = []
        for number in range(options.crews):
            client = await clients.enter_async_context(open_redis(url))
            queue, registry = RedisTaskQueue(client, keys, policy), RedisAgentRegistry(client, keys)
            name = f"{options.name}-{number}"
            crews.append(Crew(name, options.size, queue, registry, found=found, hold_s=options.hold))
        await _run(crews, policy, options, found)
    return found


async def _run(crews: Sequence[Crew], policy: LeasePolicy, options: argparse.Namespace, found: Findings) -> None:
    lives = [asyncio.create_task(crew.live(policy.beat, options.ramp)) for crew in crews]
    await asyncio.sleep(options.ramp)
    sys.stderr.write("measuring\n")
    found.counts = True
    over, _ = await asyncio.wait(lives, timeout=options.seconds, return_when=asyncio.FIRST_EXCEPTION)
    found.counts = False
    for life in lives:
        life.cancel()
    await asyncio.gather(*lives, return_exceptions=True)
    for life in over:
        life.result()


def main(arguments: Sequence[str]) -> None:
    """Load, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True, help="prefix of the crews' names")
    parser.add_argument("--crews", type=int, required=True, help="how many")
    parser.add_argument("--size", type=int, default=50, help="agents in each")
    parser.add_argument("--hold", type=float, default=0.0, help="s that a claimed task is held; 0: beats alone")
    parser.add_argument("--ramp", type=float, default=5.0, help="s in which the crews come up")
    parser.add_argument("--seconds", type=float, default=30.0, help="s that are measured")
    found = asyncio.run(load(parser.parse_args(arguments)))
    told = {"beat": found.beat, "claim": found.claim, "errors": found.errors, "claimed": found.claimed}
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1:])
