"""A thread that says when the event loop stands still and where, and ends the process when that takes too long, or when something
else is wrong with it for good.

A handler that is `async` and never awaits can do that; no timeout of the loop's own can end it. Up to the limit the keeper prolongs
the process's leases, afterwards they lapse. While a call in C holds the interpreter, this thread stands still too: it says so
afterwards, with the line that the loop has reached by then, and the keeper ends a process in which that never comes. A stack that
is written without the interpreter would name the call, but a timer for it (faulthandler's) crashes processes that are merely slow.
"""

import asyncio
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

from chimera_cli.exceptions import EXIT_FAILED
from chimera_cli.models.telemetry import Level, TelemetryEvent
from chimera_cli.ports.telemetry import TelemetryPort

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
        stalled: timedelta | None = None,
        tick: timedelta = timedelta(seconds=1),
        ill: Callable[[], str] = lambda: "",
        end: Callable[[int], object] = os._exit,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args:
        limit: Silence of the loop after which the process ends.
        telemetry: Who hears why.
        source: Id of the process.
        stalled: Silence of the loop that is worth a line; None: never.
        tick: Time between two looks.
        ill: Tells what else is wrong with the process for good, '' for nothing; asked each tick.
        end: Ends the process at once.
        monotonic: Tells what time has passed, in s.
        """
        self._limit, self._tick, self._stalled = limit, tick, stalled
        self._monotonic = monotonic
        self._telemetry, self._source, self._ill, self._end = telemetry, source, ill, end
        self._asked, self._told = 0.0, False
        self._answered_at: float | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        """Start watching the loop of this thread."""
        self._loop, self._watched = asyncio.get_running_loop(), threading.get_ident()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching."""
        self._over.set()

    def _watch(self) -> None:
        # In ticks, for a process that was stopped as a whole must not be ended; and in time, for a call in C stops this thread too.
        silent, looked = timedelta(0), self._ask()
        while not self._over.wait(self._tick.total_seconds()):
            if said := self._ill():
                return self._give_up(said)
            before, looked = looked, self._monotonic()
            if self._stalled is not None and looked - before >= (self._stalled + self._tick).total_seconds():
                # This thread stood still too, so what the loop answered before that says nothing.
                self._asked = self._asked if self._told else before
                self._tell_stall(looked, held=True)
                self._ask(again=True)
                continue
            if self._answered_at is not None:
                self._tell_stall(self._answered_at, over=True)
                silent = timedelta(0)
                self._ask()
                continue
            self._tell_stall(looked)
            silent += self._tick
            if silent >= self._limit:
                return self._give_up(f"the event loop has been blocked for {silent.total_seconds():g} s", blocked=True)
        return None

    def _ask(self, *, again: bool = False) -> float:
        """Have the loop answer, and return the time; asked again, it counts from the first time."""
        now = self._monotonic()
        self._answered_at, self._asked = None, self._asked if again else now
        with suppress(RuntimeError):  # A closed loop answers no more.
            self._loop.call_soon_threadsafe(self._answer)
        return now

    def _answer(self) -> None:
        self._answered_at = self._monotonic()

    def _tell_stall(self, until: float, *, over: bool = False, held: bool = False) -> None:
        """Say that the loop stands still, once, or that it goes on; nothing when it did not stand still for long."""
        silence = timedelta(seconds=until - self._asked)
        if self._stalled is None or silence < self._stalled or (self._told and not over):
            return
        self._told = not over
        place = "" if over else self._where()[0]
        now = "goes on" if over else f"its tasks are kept up to {self._limit.total_seconds():g} s"
        at = place and (f", with the whole interpreter, in what came before {place}" if held else f" at {place}")
        said = f"the event loop stood still for {silence.total_seconds():.1f} s{at}; {now}"
        fields = {"stalled_s": round(silence.total_seconds(), 3), "over": over, "where": place}
        # In a thread of its own: whoever reads the log may be what blocks.
        threading.Thread(target=self._say, args=("agent.stalled", Level.WARN, said, fields), daemon=True).start()

    def _give_up(self, what: str, *, blocked: bool = False) -> None:
        place, trace = self._where() if blocked else ("", "")
        said = f"{what}{place and f' at {place}'}; this process ends, others take its work over"
        fields = {"role": "watchdog", "error": said, "trace": trace}
        speech = threading.Thread(target=self._say, args=("agent.failed", Level.ERROR, said, fields), daemon=True)
        speech.start()
        speech.join(LAST_WORDS_S)
        self._end(EXIT_FAILED)

    def _where(self) -> tuple[str, str]:
        """Return the line at which the watched thread is, and its whole stack."""
        frame = sys._current_frames().get(self._watched)
        if frame is None:
            return "", ""
        lines = [line for line in traceback.extract_stack(frame) if not line.filename.startswith("<frozen")]
        place = f"{lines[-1].filename}:{lines[-1].lineno}" if lines else ""
        return place, "".join(traceback.format_stack(frame))[-LONGEST_TRACE:]

    def _say(self, name: str, level: Level, said: str, fields: Mapping[str, Any]) -> None:
        self._telemetry.emit(TelemetryEvent(name=name, level=level, source=self._source, message=said, fields=fields))
