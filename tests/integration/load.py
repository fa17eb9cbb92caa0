"""Agents by the hundred on several orchestrators in one loop, and a watch for their calls."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from time import perf_counter
from typing import TypeVar

from chimera_cli.adapters.postgres_engine import open_engine
from chimera_cli.adapters.redis_client import open_redis
from chimera_cli.bootstrap import assemble
from chimera_cli.config import Settings
from chimera_cli.exceptions import BackendUnavailable
from chimera_cli.models.agent import AgentHeartbeat, AgentStatus, ProcessBeat, Role
from chimera_cli.models.delivery import Delivery, Stage
from chimera_cli.services.swarm import Swarm
from tests.builders import a_result

BEAT = timedelta(minutes=10)
"""So long that nobody is late on a slow machine."""
TICK_S = 0.1
T = TypeVar("T")


class Deaf:
    """Telemetry that nobody keeps."""

    def emit(self, event: object) -> None:
        """Forget it."""


@dataclass
class Watch:
    """How long each call took, and how many of a kind were under way at once."""

    took: dict[str, list[float]] = field(default_factory=dict)
    under_way: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)

    async def of(self, what: str, call: Callable[[], Awaitable[T]]) -> T:
        """Do a call under the watch.

        One loop does the work of all agents, and may be busy for longer than a connection may take to open. Then nothing was sent.
        """
        self.under_way[what] += 1
        self.most[what] = max(self.most[what], self.under_way[what])
        began = perf_counter()
        try:
            while True:
                try:
                    return await call()
                except BackendUnavailable as error:
                    if "Timeout connecting" not in error.message:
                        raise
        finally:
            self.took.setdefault(what, []).append(perf_counter() - began)
            self.under_way[what] -= 1

    def percentiles(self, what: str) -> str:
        """Sum the times up."""
        found = sorted(self.took[what])
        at = {share: 1000 * found[(len(found) - 1) * share // 100] for share in (50, 95, 99, 100)}
        return ", ".join(f"p{share} {ms:.0f} ms" for share, ms in at.items()) + f" ({len(found)} calls)"


@dataclass(frozen=True)
class Held:
    """What one claim gave."""

    task: str
    generation: int
    agent: str


@dataclass
class Agent:
    """One agent with a sign of life of its own, which does what it pulled in no time."""

    id: str
    swarm: Swarm
    watch: Watch

    async def live(self, rounds: int) -> list[Held]:
        """Beat and pull at once, finish, and so on; returns what it held."""
        held: list[Held] = []
        for _ in range(rounds):
            _, pulled = await asyncio.gather(
                self.watch.of("heartbeat", lambda: self.swarm.registry.beat(a_beat(self.id))),
                self.watch.of("pull", lambda: self.swarm.queue.pop_tasks(Stage.WORK, [self.id])),
            )
            [delivery] = pulled
            assert isinstance(delivery, Delivery)
            held.append(Held(delivery.lease.task_id, delivery.lease.generation, self.id))
            await self.watch.of("finish", partial(self.swarm.queue.complete, delivery.lease, a_result(delivery.key)))
        return held


def a_beat(*agents: str) -> ProcessBeat:
    """One process's sign of life."""
    states = tuple(AgentHeartbeat(id=agent, role=Role.WORKER, status=AgentStatus.IDLE) for agent in agents)
    return ProcessBeat(process=agents[0], period=BEAT, agents=states)


@asynccontextmanager
async def a_swarm(settings: Settings) -> AsyncIterator[Swarm]:
    """Open one process's worth of everything, on connections of its own."""
    engine = open_engine(settings.database_url.get_secret_value())
    async with open_redis(settings.redis_url.get_secret_value()) as client:
        yield assemble(settings, Deaf(), client, engine)
    await engine.dispose()


@asynccontextmanager
async def housekeeping(swarms: Iterable[Swarm]) -> AsyncIterator[None]:
    """Have every orchestrator keep house until all is done and on record; a failure of one is a failure here."""
    over = asyncio.Event()

    async def keep(swarm: Swarm) -> None:
        while await swarm.orchestrator.tick() or not over.is_set():
            try:
                async with asyncio.timeout(TICK_S):
                    await over.wait()
            except TimeoutError:
                continue

    keepers = [asyncio.create_task(keep(swarm)) for swarm in swarms]
    try:
        yield
    finally:
        over.set()
        await asyncio.gather(*keepers)
