"""A thread that ends the process when its event loop has been blocked for too long.

Such a process beats no more, so others take its work over, but it would hold its agents and its memory for ever. A handler that is
`async` and never awaits can do that; no timeout of the loop's own can end it.
"""

import asyncio
import os
import sys
import threading
import traceback
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import Self

from chimera_cli.exceptions import EXIT_FAILED
from chimera_cli.models.policy import LeasePolicy
from chimera_cli.models.telemetry import Level, TelemetryEvent
from chimera_cli.ports.telemetry import TelemetryPort

PATIENCE = timedelta(seconds=5)
"""No process is ended for less, however short its leases are."""
LAST_WORDS_S = 2.0
"""How long saying why may take: whoever reads the log may be what blocks."""
LONGEST_TRACE = 8000
"""Characters of a stack that are told."""


class Watchdog:
    """Watches the running loop while it is open. It counts its own ticks, so that a process that was stopped as a whole, or whose
    machine slept, is not taken for a blocked one."""

    def __init__(
        self,
        limit: timedelta,
        telemetry: TelemetryPort,
        *,
        source: str,
        tick: timedelta = timedelta(seconds=1),
        end: Callable[[int], object] = os._exit,
    ) -> None:
        """Args:
        limit: Silence of the loop after which the process ends.
        telemetry: Who hears why.
        source: Id of the process.
        tick: Time between two looks.
        end: Ends the process at once.
        """
        self._limit, self._tick = limit, tick
        self._telemetry, self._source, self._end = telemetry, source, end
        self._answered, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        """Start watching the loop of this thread."""
        self._loop, self._watched = asyncio.get_running_loop(), threading.get_ident()
        self._answered.set()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching."""
        self._over.set()

    def _watch(self) -> None:
        silent = timedelta(0)
        while not self._over.wait(self._tick.total_seconds()):
            if self._answered.is_set():
                silent = timedelta(0)
                self._answered.clear()
                self._loop.call_soon_threadsafe(self._answered.set)
                continue
            silent += self._tick
            if silent >= self._limit:
                return self._give_up(silent)
        return None

    def _give_up(self, silent: timedelta) -> None:
        frame = sys._current_frames().get(self._watched)
        trace = "".join(traceback.format_stack(frame))[-LONGEST_TRACE:] if frame else ""
        where = traceback.extract_stack(frame)[-1] if frame else None
        place = f" at {where.filename}:{where.lineno}" if where else ""
        what = f"the event loop has been blocked for {silent.total_seconds():g} s{place}"
        said = f"{what}; this process ends, others take its work over"
        speech = threading.Thread(target=self._say, args=(said, trace), daemon=True)
        speech.start()
        speech.join(LAST_WORDS_S)
        self._end(EXIT_FAILED)

    def _say(self, said: str, trace: str) -> None:
        fields = {"role": "watchdog", "error": said, "trace": trace}
        event = TelemetryEvent(name="agent.failed", level=Level.ERROR, source=self._source, message=said, fields=fields)
        self._telemetry.emit(event)


def patience(lease: LeasePolicy) -> timedelta:
    """Tell how long a loop may be blocked: far longer than it takes to lose every lease."""
    return max(2 * lease.lease, PATIENCE)
