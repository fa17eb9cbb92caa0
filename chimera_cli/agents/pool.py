"""One process's crew: claims work for agents with free hands, gives signs of life, keeps house, and ends in good order.

    claims        as many as there are free agents; one blocked wait a process when there is nothing to claim
    beats         every beat of the lease policy: extend all leases, then tell the registry
    housekeeping  twice a second, with jitter

A lost server ends none of them. The first signal drains, the second forces.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Protocol

from chimera_cli.agents.base import telemetry_event
from chimera_cli.agents.crew import CrewAgent
from chimera_cli.agents.outage import Outages
from chimera_cli.agents.race import first
from chimera_cli.agents.runs import Runs
from chimera_cli.agents.signals import Signals
from chimera_cli.exceptions import StaleLease
from chimera_cli.models.agent import AgentStatus, ProcessBeat
from chimera_cli.models.delivery import Delivery, Lease, Malformed, QueueCounts
from chimera_cli.models.policy import LeasePolicy
from chimera_cli.ports.clock import Chance, ClockPort
from chimera_cli.ports.queue import TaskQueuePort
from chimera_cli.ports.registry import AgentRegistryPort
from chimera_cli.ports.telemetry import TelemetryPort

MOST_AT_ONCE = 100
"""Deliveries in one claim, so that a crew of thousands does not hold up the queue for everybody else."""
WAIT = timedelta(seconds=1)
"""Longest wait for a bell: what a missed one costs."""
TICK = timedelta(seconds=0.5)
"""Time between two rounds of housekeeping, give or take a quarter."""
GRACE = timedelta(seconds=2)
"""How long cancelled runs may take to end, and leases to be given back."""


class Housekeeper(Protocol):
    """Does the chores that no single task calls for."""

    async def tick(self) -> object:
        """Do one bounded round; something true when there may be more to do at once."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolTools:
    """What a pool works with."""

    queue: TaskQueuePort
    registry: AgentRegistryPort
    housekeeper: Housekeeper
    undispatched: Callable[[], Awaitable[int]]
    """Counts persisted tasks that are not in the queue yet."""
    telemetry: TelemetryPort
    clock: ClockPort
    chance: Chance


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolOptions:
    """How a pool behaves."""

    process: str
    """Id of the process: host, pid and a random part."""
    lease: LeasePolicy
    """Time between two beats."""
    drain: timedelta
    """How long running tasks may take to end after the first signal."""
    kinds: tuple[str, ...] = ()
    """Kinds to claim; empty means all."""
    max_tasks: int | None = None
    """Deliveries after which it ends; None: no end."""
    burst: bool = False
    """Whether it ends when nothing is left to do."""


class Pool:
    """Runs a crew of agents of one role until a signal, or until there is nothing more to do."""

    def __init__(
        self,
        agents: Sequence[CrewAgent],
        tools: PoolTools,
        *,
        options: PoolOptions,
        signals: Signals,
        notice: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Args:
        agents: The crew, of one class.
        tools: Ports.
        options: How it behaves.
        signals: What the outside asks for.
        notice: Hears what a person at the terminal should read at once.
        """
        self.agents, self.tools, self.options, self.signals = list(agents), tools, options, signals
        self._notice = notice
        self._stage, self._role = agents[0].stage, agents[0].role
        self._runs = Runs(agents)
        self._outages = Outages(options.process, tools.telemetry, tools.chance)
        self._broom = asyncio.Lock()
        self._claimed = 0
        self._given_back = 0

    async def run(self) -> int:
        """Work until the end and return the exit code: 0, or 130 or 143 when it was forced."""
        for agent in self.agents:
            await agent.setup()
        self._say("agent.started", role=self._role, count=len(self.agents))
        loops = [asyncio.create_task(self._give_beats()), asyncio.create_task(self._keep_house())]
        try:
            await self._claim_to_the_end()
            await self._or_stop(self._runs.all_done())
            if self.signals.stop.is_set():
                await self._drain()
            else:
                await self._tick()
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            await self._close()
        return self.signals.exit_code

    async def _claim_to_the_end(self) -> None:
        while not self.signals.stop.is_set():
            free = self._runs.free(self._allowed())
            if free:
                claimed = await self._claim(free)
                if len(claimed) == len(free):
                    continue
                if self.options.burst and await self._nothing_left():
                    return
                await self._or_stop(self._rest())
            elif self._claimed == self.options.max_tasks:
                return
            else:
                await self._or_stop(self._runs.any_free())

    def _allowed(self) -> int:
        if self.options.max_tasks is None:
            return MOST_AT_ONCE
        return min(MOST_AT_ONCE, self.options.max_tasks - self._claimed)

    async def _claim(self, free: list[str]) -> list[Delivery | Malformed]:
        pop = partial(self.tools.queue.pop_tasks, self._stage, free, kinds=self.options.kinds)
        nothing: list[Delivery | Malformed] = []
        # Never cancelled: a claim whose reply nobody reads would be held by nobody until its lease ends.
        claimed = await self._outages.attempt("claims", pop, nothing)
        if self.signals.stop.is_set():
            await self._give_back([delivery.lease for delivery in claimed])
            return []
        self._claimed += len(claimed)
        for delivery in claimed:
            self._runs.start(delivery)
        return claimed

    async def _rest(self) -> None:
        pause = self._outages.pause("claims")
        if pause:
            await self.tools.clock.sleep(pause)
        else:
            await self._outages.attempt("claims", partial(self.tools.queue.wait, self._stage, WAIT), False)

    async def _nothing_left(self) -> bool:
        if len(self._runs):
            return False
        return await self._outages.attempt("burst", self._all_idle, False)

    async def _all_idle(self) -> bool:
        while True:
            more = await self._tick()
            if not self._idle(await self.tools.queue.counts()) or await self.tools.undispatched():
                return False
            if not more or self.signals.stop.is_set():
                return True

    def _idle(self, counts: QueueCounts) -> bool:
        if self.options.kinds:
            # What waits now is of other kinds, for the claim before this found nothing; what runs or is delayed may be ours.
            counts = counts.model_copy(update={"waiting": 0, "to_judge": 0})
        return counts.idle(self._stage)

    async def _give_beats(self) -> None:
        while True:
            leases = self._runs.leases()
            if leases:
                await self._extend(leases)
            await self._outages.attempt("beats", self._beat, None)
            await self.tools.clock.sleep(self.options.lease.beat)

    async def _extend(self, leases: Sequence[Lease]) -> None:
        still: list[Lease] = []
        for lost in await self._outages.attempt("leases", partial(self.tools.queue.extend, leases), still):
            self._runs.lose(lost)

    async def _beat(self) -> None:
        beats = tuple(agent.heartbeat() for agent in self.agents)
        process, period = self.options.process, self.options.lease.beat
        await self.tools.registry.beat(ProcessBeat(process=process, period=period, agents=beats))

    async def _keep_house(self) -> None:
        while True:
            # With one server away the chores of the other must still be done within a second.
            rest = max(TICK * (0.75 + self.tools.chance() / 2), min(self._outages.pause("housekeeping"), WAIT))
            await self.tools.clock.sleep(rest)
            await self._tick()

    async def _tick(self) -> object:
        async with self._broom:
            return await self._outages.attempt("housekeeping", self.tools.housekeeper.tick, None)

    async def _drain(self) -> None:
        """Let what runs come to its end, then let go of the rest."""
        running, longest = len(self._runs), self.options.drain
        said = f"draining: {running} running, up to {longest.total_seconds():g} s, again to force"
        self._say("drain.started", said, running=running, given_back=0)
        self._notice(said)
        for agent in self.agents:
            if agent.status is AgentStatus.IDLE:
                agent.status = AgentStatus.DRAINING
        if running:
            await first(self._runs.all_done(), self.tools.clock.sleep(longest), self.signals.force.wait())
        given_back = await self._let_go()
        self._say("drain.ended", running=running, given_back=given_back)

    async def _let_go(self) -> int:
        """Cancel what still runs and give its leases back, as far as that is possible now; what is not lapses."""
        runs = self._runs.cancel_all()
        if not runs:
            return 0
        pause = self.tools.clock.sleep
        await first(self._runs.all_done(), pause(GRACE))
        await first(self._give_back([run.lease for run in runs]), pause(GRACE))
        return self._given_back

    async def _give_back(self, leases: Sequence[Lease]) -> None:
        for lease in leases:
            await self._outages.attempt("give back", partial(self._give_one_back, lease), None)

    async def _give_one_back(self, lease: Lease) -> None:
        try:
            await self.tools.queue.give_back(lease)
        except StaleLease:
            return
        self._given_back += 1

    async def _close(self) -> None:
        await self._let_go()
        if not self.signals.force.is_set():
            await self._tick()
        leave = partial(self.tools.registry.leave, self.options.process)
        await first(self._outages.attempt("beats", leave, None), self.tools.clock.sleep(GRACE))
        for agent in self.agents:
            await agent.teardown()
        self._say("agent.stopped", role=self._role, count=len(self.agents))

    async def _or_stop(self, wait: Coroutine[Any, Any, object]) -> None:
        await first(wait, self.signals.stop.wait())

    def _say(self, name: str, message: str = "", **fields: Any) -> None:
        self.tools.telemetry.emit(telemetry_event(self.options.process, name, message, fields=fields))
