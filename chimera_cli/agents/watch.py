"""An agent without a queue: what it needs around its own work to be a good member of the fleet."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from chimera_cli.agents.base import BaseAgent
from chimera_cli.agents.outage import Outages
from chimera_cli.agents.pool import TICK, PoolTools
from chimera_cli.agents.signals import Signals
from chimera_cli.models.agent import ProcessBeat

LOOK = timedelta(seconds=2)
"""Time between two looks for work."""


class Watch:
    """Runs one agent's duty again and again until a signal, with beats and housekeeping beside it."""

    def __init__(
        self,
        agent: BaseAgent,
        duty: Callable[[], Awaitable[object]],
        tools: PoolTools,
        *,
        process: str,
        beat: timedelta,
    ) -> None:
        """Args:
        agent: Who does it.
        duty: One round of its work; may raise BackendUnavailable, which is survived.
        tools: Ports.
        process: Id of the process.
        beat: Time between two beats.
        """
        self._agent = agent
        self._duty = duty
        self._tools = tools
        self._process = process
        self._period = beat
        self._outages = Outages(process, tools.telemetry, tools.chance)

    async def run(self, signals: Signals) -> int:
        """Work until a signal and return the exit code."""
        await self._agent.setup()
        self._agent.log_event("agent.started", role=self._agent.role, count=1)
        loops = [
            asyncio.create_task(self._again("duty", self._duty, LOOK)),
            asyncio.create_task(self._again("beats", self._beat, self._period)),
            asyncio.create_task(self._again("housekeeping", self._tools.housekeeper.tick, TICK)),
        ]
        await signals.stop.wait()
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await self._outages.attempt("beats", lambda: self._tools.registry.leave(self._process), None)
        await self._agent.teardown()
        self._agent.log_event("agent.stopped", role=self._agent.role, count=1)
        return signals.exit_code

    async def _again(self, loop: str, call: Callable[[], Awaitable[object]], every: timedelta) -> None:
        while True:
            await self._outages.attempt(loop, call, None)
            await self._tools.clock.sleep(every * (0.75 + self._tools.chance() / 2))

    async def _beat(self) -> None:
        beat = ProcessBeat(process=self._process, period=self._period, agents=(self._agent.heartbeat(),))
        await self._tools.registry.beat(beat)
