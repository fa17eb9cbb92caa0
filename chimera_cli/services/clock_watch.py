"""The watch on Redis' clock: a step of it ends no lease and passes no deadline. ADR 0033 tells how."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from chimera_cli.models.server_clock import ClockJudgement, ClockReading, ClockState, judge, stepped
from chimera_cli.models.telemetry import Level, TelemetryEvent
from chimera_cli.ports.server_clock import FLEET, ServerClocksPort
from chimera_cli.ports.telemetry import TelemetryPort

Uptime = Callable[[], float]
"""Seconds since some moment, by a clock that is never set."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one process remembers of a clock."""

    standing: int = 0
    """The reading that counts."""
    begun: float | None = None
    """Uptime when the last look began."""
    earliest: float | None = None
    """Uptime before which the reading that counts was not taken; None when that is not known."""
    judgement: ClockJudgement | None = None
    """What the last look tells."""
    offset: int = 0
    """How far the clock has stepped in all."""


class ClockWatch:
    """Reads the clocks of all shards once a tick, and settles doubts about them."""

    def __init__(self, clocks: ServerClocksPort, telemetry: TelemetryPort, uptime: Uptime) -> None:
        """Args:
        clocks: What is read.
        telemetry: Who hears of steps.
        uptime: This process's own clock.
        """
        self._clocks, self._telemetry, self._uptime = clocks, telemetry, uptime
        self._seen: dict[str, _Seen] = {}
        self._postgres: float | None = None

    def heard(self, at: datetime | None) -> None:
        """Note what Postgres' clock says now; until it is heard again this process's own clock goes on from there."""
        if at is not None:
            self._postgres = at.timestamp() - self._uptime()

    async def step(self) -> int:
        """Look at each clock once; returns 0, for nothing is done that others would wait for.

        Raises:
            SwarmError: A shard is away, or refuses; the others were looked at all the same.
        """
        for end in await asyncio.gather(*map(self._look, self._clocks.names), return_exceptions=True):
            if isinstance(end, BaseException):
                raise end
        return 0

    async def _look(self, name: str) -> None:
        seen, begun = self._seen.get(name, _Seen()), self._uptime()
        reading = await self._clocks.read(
            name, record=self._postgres_now(), judgement=seen.judgement, offset=seen.offset
        )
        earliest = _earliest(seen, reading, begun)
        most = None if earliest is None else _ms(self._uptime() - earliest)
        judgement = judge(reading, most=most, record=self._postgres_now()) if reading.state.open else None
        self._seen[name] = _Seen(reading.standing, begun, earliest, judgement, reading.offset)
        if name != FLEET:
            self._tell(name, reading)

    def _postgres_now(self) -> int | None:
        return None if self._postgres is None else _ms(self._postgres + self._uptime())

    def _tell(self, shard: str, reading: ClockReading) -> None:
        if reading.state is ClockState.DOUBTED:
            self._say("clock.doubted", Level.INFO, DOUBTED, shard=shard, jumped_s=_s(reading.at - reading.believed))
        elif reading.step:
            agreed = reading.state is ClockState.SETTLED
            said = f"Redis' clock {stepped(reading.step)}{'' if agreed else UNKNOWN}"
            self._say("clock.stepped", Level.WARN, said, shard=shard, step_s=_s(reading.step), agreed=agreed)
        elif reading.state in {ClockState.SETTLED, ClockState.OVERDUE}:
            self._say("clock.agreed", Level.INFO, AGREED, shard=shard)

    def _say(self, name: str, level: Level, message: str, **fields: object) -> None:
        self._telemetry.emit(
            TelemetryEvent(name=name, level=level, source="orchestrator", message=message, fields=fields)
        )


DOUBTED = (
    "Redis' clock is not where it should be: no lease ends and no deadline passes until two looks agree on how far it"
    " stepped, 60 s at most"
)
UNKNOWN = "; nothing was there to compare it with for 60 s"
AGREED = "Redis' clock did not step: the time has passed since housekeeping read it last"


def _earliest(seen: _Seen, reading: ClockReading, begun: float) -> float | None:
    """Tell before which moment the reading that counts was not taken."""
    if not reading.state.open:
        return begun  # It is this one.
    if reading.standing < seen.standing:
        return None  # It may come from an older copy of the data, and tell nothing of when it was taken.
    # Another process took it since this one looked last.
    return seen.earliest if reading.standing == seen.standing else seen.begun


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _s(ms: int) -> float:
    return round(ms / 1000, 1)
