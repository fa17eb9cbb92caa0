"""Time and chance, as arguments: what pure code and tests put in place of the real ones."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol


class ClockPort(Protocol):
    """This process's own time. Nothing that another process relies on is computed from it."""

    def now(self) -> datetime:
        """Return the present, in UTC."""
        ...

    async def sleep(self, delay: timedelta) -> None:
        """Wait, or not, as a test pleases."""
        ...


Chance = Callable[[], float]
"""A source of random numbers from 0.0 up to, not including, 1.0."""
