"""The watch on what Redis may do under us while it serves: set its clock, or evict keys."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from chimera_cli.models.eviction import evicted_sentence
from chimera_cli.models.telemetry import Level, TelemetryEvent
from chimera_cli.ports.queue import TaskQueuePort
from chimera_cli.ports.telemetry import TelemetryPort
from chimera_cli.services.clock_watch import ClockWatch

EVERY = timedelta(seconds=30)
"""Time between two looks at what Redis does when memory runs short: it changes by hand only."""


class EvictionWatch:
    """Tells when Redis begins to evict, or did."""

    def __init__(self, queue: TaskQueuePort, telemetry: TelemetryPort, uptime: Callable[[], float]) -> None:
        """Args:
        queue: Who tells what Redis does.
        telemetry: Who hears of it.
        uptime: This process's own clock [s].
        """
        self._queue, self._telemetry, self._uptime = queue, telemetry, uptime
        self._due = uptime() + EVERY.total_seconds()  # The connection was refused if it evicted at the start.
        self._evicts, self._evicted = "", 0

    async def step(self) -> int:
        """Look when a look is due; returns 0.

        Raises:
            SwarmError: Redis is away.
        """
        if self._uptime() < self._due:
            return 0
        counts = await self._queue.counts()
        self._due = self._uptime() + EVERY.total_seconds()
        if counts.evicts and counts.evicts != self._evicts:
            self._say(counts.evicts, counts.evicted)
        # Fewer than before: it was started anew.
        if counts.evicted > self._evicted:
            self._say(evicted_sentence(counts.evicted), counts.evicted)
        self._evicts, self._evicted = counts.evicts, counts.evicted
        return 0

    def _say(self, message: str, evicted: int) -> None:
        self._telemetry.emit(
            TelemetryEvent(
                name="redis.evicts",
                level=Level.WARN,
                source="orchestrator",
                message=message,
                fields={"evicted": evicted},
            )
        )


class ServerWatch:
    """Both watches."""

    def __init__(self, clocks: ClockWatch, evictions: EvictionWatch) -> None:
        self._clocks, self._evictions = clocks, evictions

    def heard(self, at: datetime | None) -> None:
        """Note what Postgres' clock says now; see `ClockWatch`."""
        self._clocks.heard(at)

    async def step(self) -> int:
        """Look at all; returns 0, for nothing is done that others would wait for.

        Raises:
            SwarmError: Redis, or a shard of it, is away.
        """
        for end in await asyncio.gather(self._clocks.step(), self._evictions.step(), return_exceptions=True):
            if isinstance(end, BaseException):
                raise end
        return 0
