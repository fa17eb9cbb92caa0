"""What every long-running process does beside its work: signs of life and housekeeping, whatever server is away."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Any, Protocol, Self

from chimera_cli.agents.base import BaseAgent
from chimera_cli.agents.loop_lag import LoopLag
from chimera_cli.agents.outage import Outages
from chimera_cli.agents.race import first
from chimera_cli.models.agent import ProcessBeat
from chimera_cli.models.telemetry import Level, TelemetryEvent
from chimera_cli.ports.clock import Chance, ClockPort
from chimera_cli.ports.registry import AgentRegistryPort
from chimera_cli.ports.telemetry import TelemetryPort

TICK = timedelta(seconds=0.5)
"""Time between two rounds of housekeeping, give or take a quarter."""
SLOWEST_TICK = timedelta(seconds=1)
"""The same while a server is away: the chores of the other must still be done within a second."""
LATE = timedelta(seconds=1)
"""A loop that comes that late is worth a line."""
GRACE = timedelta(seconds=2)
"""How long a farewell may take that somebody may not hear."""


class Housekeeper(Protocol):
    """Does the chores that no single task calls for."""

    async def tick(self, *, wait: bool = True) -> object:
        """Do one bounded round; something true when there may be more to do at once. With `wait` off, what others are at is
        left to them."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class PulseTools:
    """What a pulse works with."""

    registry: AgentRegistryPort
    housekeeper: Housekeeper
    telemetry: TelemetryPort
    clock: ClockPort
    chance: Chance
    monotonic: Callable[[], float] = time.monotonic
    """Tells what time has passed, in s; the clock may be set meanwhile."""
    has_key: bool = True
    """Whether the process has the key for approvals, or needs none; its beats tell."""


async def _nothing() -> None:
    return None


class Pulse:
    """Sets agents up, beats and keeps house for them while it is open, and tears them down."""

    def __init__(
        self,
        agents: Sequence[BaseAgent],
        tools: PulseTools,
        *,
        process: str,
        period: timedelta,
        each_beat: Callable[[], Awaitable[None]] = _nothing,
        kinds: Sequence[str] = (),
        each_step: Callable[[], None] = lambda: None,
    ) -> None:
        """Args:
        agents: One at least, all of one role.
        tools: Ports.
        process: Id of the process: host, pid and a random part.
        period: Time between two beats.
        each_beat: Done before each beat; the leases are prolonged here.
        kinds: Kinds of tasks that the process claims; empty means any.
        each_step: Called ten times a second, as long as the event loop goes on.
        """
        self.outages = Outages(process, tools.telemetry, tools.chance)
        self.claim_due: datetime | None = None
        """When the process should have claimed again; None: it need not."""
        self._agents, self._tools = tuple(agents), tools
        self._process, self._period, self._each_beat, self._kinds = process, period, each_beat, tuple(kinds) or None
        self._broom = asyncio.Lock()
        self._lag = LoopLag(tools.clock, tools.monotonic, each_step)
        self._loops: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Set up and start."""
        for agent in self._agents:
            await agent.setup()
        self.say("agent.started", role=self._agents[0].role, count=len(self._agents))
        loops = self._give_beats(), self._keep_house(), self._lag.watch()
        self._loops = [asyncio.create_task(loop) for loop in loops]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, take leave and tear down."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await first(self.outages.attempt("beats", self._leave, None), self._tools.clock.sleep(GRACE))
        for agent in self._agents:
            await agent.teardown()
        self.say("agent.stopped", role=self._agents[0].role, count=len(self._agents))

    async def tick(self, *, wait: bool = True) -> object:
        """Do one round of housekeeping now; None when it failed."""
        async with self._broom:
            return await self.outages.attempt("housekeeping", partial(self._tools.housekeeper.tick, wait=wait), None)

    def say(self, name: str, message: str = "", *, level: Level = Level.INFO, **fields: Any) -> None:
        """Tell telemetry something in the process's name."""
        self._tools.telemetry.emit(
            TelemetryEvent(name=name, level=level, source=self._process, message=message, fields=fields)
        )

    async def _give_beats(self) -> None:
        while True:
            await self._each_beat()
            await self.outages.attempt("beats", self._beat, None)
            await self._tools.clock.sleep(self._period)

    async def _beat(self) -> None:
        now, lag = self._tools.clock.now(), self._lag.take()
        if lag >= LATE:
            said = f"the event loop came {lag.total_seconds():.1f} s late: what computes belongs in a handler that is a plain def"
            self.say("loop.late", said, level=Level.WARN, late_s=round(lag.total_seconds(), 3))
        beats = tuple(agent.heartbeat(now, self.claim_due) for agent in self._agents)
        beat = ProcessBeat(
            process=self._process,
            period=self._period,
            loop_lag=lag,
            agents=beats,
            kinds=self._kinds,
            has_key=self._tools.has_key,
        )
        await self._tools.registry.beat(beat)

    async def _keep_house(self) -> None:
        while True:
            pace = TICK * (0.75 + self._tools.chance() / 2)
            await self._tools.clock.sleep(max(pace, min(self.outages.pause("housekeeping"), SLOWEST_TICK)))
            await self.tick(wait=False)

    async def _leave(self) -> None:
        await self._tools.registry.leave(self._process)
