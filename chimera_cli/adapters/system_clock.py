"""This machine's time."""

import asyncio
from datetime import UTC, datetime, timedelta


class SystemClock:
    """Implements ClockPort."""

    def now(self) -> datetime:
        """Return the present, in UTC."""
        return datetime.now(UTC)

    async def sleep(self, delay: timedelta) -> None:
        """Wait; other tasks of the loop go on."""
        await asyncio.sleep(delay.total_seconds())
