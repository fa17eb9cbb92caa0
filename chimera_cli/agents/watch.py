"""An agent without a queue: its duty again and again until a signal, with beats and housekeeping beside it."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from chimera_cli.agents.base import BaseAgent
from chimera_cli.agents.pulse import Pulse, PulseTools
from chimera_cli.agents.race import first
from chimera_cli.agents.signals import Signals

LOOK = timedelta(seconds=2)
"""Time between two looks for work, give or take a quarter."""


class Watch:
    """Runs one agent's duty as a good member of the fleet."""

    def __init__(
        self,
        agent: BaseAgent,
        duty: Callable[[], Awaitable[object]],
        tools: PulseTools,
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
        self._duty, self._tools = duty, tools
        self._pulse = Pulse([agent], tools, process=process, period=beat)

    async def run(self, signals: Signals) -> int:
        """Work until a signal and return the exit code."""
        async with self._pulse:
            await first(self._look_again_and_again(), signals.stop.wait())
        return signals.exit_code

    async def _look_again_and_again(self) -> None:
        while True:
            await self._pulse.outages.attempt("duty", self._duty, None)
            await self._tools.clock.sleep(LOOK * (0.75 + self._tools.chance() / 2))
