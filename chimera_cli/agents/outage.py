"""Living on while a server is away: each loss and each return is said once, however many loops notice it."""

import traceback
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from chimera_cli.exceptions import BackendUnavailable
from chimera_cli.models.policy import RetryPolicy
from chimera_cli.models.refusal import WritesRefused
from chimera_cli.models.telemetry import Level, TelemetryEvent, backend_lost
from chimera_cli.ports.clock import Chance
from chimera_cli.ports.telemetry import TelemetryPort
from chimera_cli.services.pairing import ForeignStore
from chimera_cli.services.retry import backoff, describe, jitter

KNOCK = RetryPolicy(base=timedelta(seconds=0.25), longest=timedelta(seconds=1), jitter=1.0)
"""How often a lost server is tried again: a fleet should be back within 5 s of it, and the jitter keeps it from coming at once."""

T = TypeVar("T")


class Outages:
    """The calls that a process's loops make, none of which may end the process."""

    def __init__(self, source: str, telemetry: TelemetryPort, chance: Chance) -> None:
        self._source = source
        self._telemetry = telemetry
        self._chance = chance
        self._missed_by: defaultdict[str, set[str]] = defaultdict(set)
        self._failures: defaultdict[str, int] = defaultdict(int)
        self._said: dict[str, str] = {}
        self._told_to_mend: set[str] = set()

    async def attempt(self, loop: str, call: Callable[[], Awaitable[T]], default: T) -> T:
        """Make a loop's call; when it fails, note that and return the default.

        An error that nobody foresaw is told as `agent.failed` and does not end the loop either: a fleet that stops beating
        because of one bad reply would be worse off than one that says so and goes on.
        """
        try:
            result = await call()
        except BackendUnavailable as error:
            self._lost(loop, error)
            return default
        except ForeignStore:
            # It was told already, and ends the process.
            self._failures[loop] += 1
            return default
        except Exception as error:
            self._failed(loop, error)
            return default
        self._worked(loop)
        return result

    def pause(self, loop: str) -> timedelta:
        """Return how long a loop should rest before its next call; zero when its last one worked."""
        if not self._failures[loop]:
            return timedelta()
        delay = backoff(KNOCK, self._failures[loop])
        return delay + jitter(delay, KNOCK, self._chance)

    def _lost(self, loop: str, error: BackendUnavailable) -> None:
        self._failures[loop] += 1
        # A server that was away and then refuses writes waits for a person: that is worth a line of its own, once.
        to_mend = isinstance(error, WritesRefused) and error.backend not in self._told_to_mend
        if to_mend or not self._missed_by[error.backend]:
            message = f"{error.message}; {error.hint}" if to_mend else error.message
            self._telemetry.emit(backend_lost(self._source, error, message))
        if to_mend:
            self._told_to_mend.add(error.backend)
        self._missed_by[error.backend].add(loop)

    def _failed(self, loop: str, error: Exception) -> None:
        self._failures[loop] += 1
        reason = describe(error)
        if self._said.get(loop) != reason:
            self._said[loop] = reason
            trace = "".join(traceback.format_exception(error))
            self._say("agent.failed", f"{loop}: {reason}", level=Level.ERROR, role=loop, error=reason, trace=trace)

    def _worked(self, loop: str) -> None:
        self._failures[loop] = 0
        self._said.pop(loop, None)
        for backend, loops in self._missed_by.items():
            if loop in loops:
                loops.discard(loop)
                if not loops:
                    self._told_to_mend.discard(backend)
                    self._say("backend.back", f"{backend} is back", backend=backend)

    def _say(self, name: str, message: str, *, level: Level = Level.INFO, **fields: Any) -> None:
        self._telemetry.emit(
            TelemetryEvent(name=name, level=level, source=self._source, message=message, fields=fields)
        )
