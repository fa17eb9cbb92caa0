"""How late a process's event loop comes to what is due: by so much everything in it waits, answers, beats and leases included."""

from collections.abc import Callable
from datetime import timedelta

from chimera_cli.ports.clock import ClockPort

STEP = timedelta(seconds=0.1)
"""Time between two looks. What holds the loop up for longer is always seen, what is shorter when it meets a look."""


class LoopLag:
    """The worst of many looks at the running loop."""

    def __init__(
        self, clock: ClockPort, monotonic: Callable[[], float], step: Callable[[], None] = lambda: None
    ) -> None:
        """Args:
        clock: Whose sleep is measured.
        monotonic: Tells the time in s; the clock of the day may be set meanwhile.
        step: Called at each look.
        """
        self._clock, self._monotonic, self._step = clock, monotonic, step
        self._worst = timedelta(0)

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            self._step()
            began = self._monotonic()
            await self._clock.sleep(STEP)
            self._worst = max(self._worst, timedelta(seconds=self._monotonic() - began) - STEP)

    def take(self) -> timedelta:
        """Return the worst since the last time that somebody asked."""
        worst, self._worst = self._worst, timedelta(0)
        return worst
