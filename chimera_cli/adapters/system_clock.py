"""This machine's time."""

import asyncio
import time
from datetime import UTC, datetime, timedelta


def uptime() -> float:
    """Return the seconds since some moment, those included in which the machine slept, where it counts them."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


class SystemClock:
    """Implements ClockPort."""

    def now(self) -> datetime:
        """Return the present, in UTC."""
        return datetime.now(UTC)

    async def sleep(self, delay: timedelta) -> None:
        """Wait; other tasks of the loop go on."""
        await asyncio.sleep(delay.total_seconds())
