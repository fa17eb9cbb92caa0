"""Whether a process claims approved effects: not while the record cannot take them. ADR 0032."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from chimera_cli.agents.outage import KNOCK
from chimera_cli.agents.race import first
from chimera_cli.exceptions import BackendUnavailable, SwarmError
from chimera_cli.models.telemetry import Level, TelemetryEvent
from chimera_cli.ports.clock import Chance, ClockPort
from chimera_cli.ports.telemetry import TelemetryPort
from chimera_cli.services.retry import OWN_BACKENDS, backoff, describe, jitter

LOOK = timedelta(seconds=5)
"""Time between two looks at a record that takes effects. An effect that it refuses closes the door before the next look."""


class EffectsDoor:
    """Closed from the first effect or look that the record refuses, to the next look that it does not."""

    def __init__(
        self,
        look: Callable[[], Awaitable[None]],
        telemetry: TelemetryPort,
        *,
        clock: ClockPort,
        chance: Chance,
        source: str = "effects",
    ) -> None:
        """Args:
        look: Tries whether the record would take an effect; raises a SwarmError when it would not.
        telemetry: Who listens.
        clock: Time between two looks.
        chance: Keeps a fleet from coming at once.
        source: Who says it.
        """
        self._look, self._telemetry = look, telemetry
        self._clock, self._chance, self._source = clock, chance, source
        self._failures = 0
        self._closed = asyncio.Event()

    @property
    def open(self) -> bool:
        """Whether approved effects may be claimed."""
        return not self._closed.is_set()

    def note(self, error: BaseException) -> None:
        """Close when an effect failed because the record is away."""
        if isinstance(error, BackendUnavailable) and error.backend != "Redis" and error.backend.lower() in OWN_BACKENDS:
            self._close(error)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Look at the record for as long as this is open."""
        task = asyncio.create_task(self._watch(), name="effects door")
        try:
            yield
        finally:
            task.cancel()

    async def _watch(self) -> None:
        while True:
            try:
                await self._look()
            except SwarmError as error:
                self._close(error)
                self._failures += 1
                pause = backoff(KNOCK, self._failures)
                await self._clock.sleep(pause + jitter(pause, KNOCK, self._chance))
            else:
                self._open()
                await first(self._clock.sleep(LOOK), self._closed.wait())

    def _close(self, error: BaseException) -> None:
        if self.open:
            self._closed.set()
            reason = describe(error)
            self._telemetry.emit(effects_held(self._source, reason))

    def _open(self) -> None:
        self._failures = 0
        if not self.open:
            self._closed.clear()
            said = "the record takes effects again"
            self._telemetry.emit(TelemetryEvent(name="effects.resumed", source=self._source, message=said))


def effects_held(source: str, reason: str) -> TelemetryEvent:
    """Say that a process claims no approved effects."""
    said = f"approved effects wait in their lanes: {reason}"
    return TelemetryEvent(name="effects.held", level=Level.WARN, source=source, message=said, fields={"error": reason})
