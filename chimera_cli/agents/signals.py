"""Two signals and what they ask for: the first to stop in order, the second to stop at once.

A terminal that closes sends SIGHUP, and often twice: by the shell and by the system. It asks for an end in order, however often.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta

from chimera_cli.ports.clock import ClockPort

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals that count."""
LOOK = timedelta(seconds=1)
"""Time between two looks for a parent."""


class Signals:
    """What the outside has asked for so far. A test calls `receive` itself."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        """Set by the first signal: take nothing new and come to an end."""
        self.force = asyncio.Event()
        """Set by the second: let go of everything."""
        self.number = 0
        """The signal received last; 0 before any."""

    def receive(self, number: int) -> None:
        """Note a signal."""
        if number == signal.SIGHUP and self.stop.is_set():
            return
        (self.force if self.stop.is_set() else self.stop).set()
        self.number = number

    @property
    def exit_code(self) -> int:
        """What a process says to its shell: 0 after an orderly end, 128 + signal after a forced one (130, 143)."""
        return 128 + self.number if self.force.is_set() else 0


@contextmanager
def listening() -> Iterator[Signals]:
    """Receive the stopping signals of this process for a while; call it inside the running loop. One that was ignored at the start,
    as `nohup` has it with SIGHUP, stays ignored."""
    loop, signals = asyncio.get_running_loop(), Signals()
    before = {number: signal.getsignal(number) for number in heard()}
    for number in before:
        loop.add_signal_handler(number, signals.receive, int(number))
    try:
        yield signals
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            # asyncio leaves the system's own handler behind, not the one that it replaced.
            signal.signal(number, handler)


def heard(numbers: Iterable[signal.Signals] = STOPPING) -> list[signal.Signals]:
    """Return the signals that this process was not told to ignore."""
    return [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]


@asynccontextmanager
async def following(
    parent: int | None, signals: Signals, clock: ClockPort, *, parent_of_this: Callable[[], int] = os.getppid
) -> AsyncIterator[None]:
    """Treat the end of the parent as a SIGTERM, for a while: one that was killed cannot hand its own on any more."""

    async def follow() -> None:
        while parent_of_this() == parent:
            await clock.sleep(LOOK)
        signals.receive(signal.SIGTERM)

    task = None if parent is None else asyncio.create_task(follow(), name="parent")
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
