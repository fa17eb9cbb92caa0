"""Two signals and what they ask for: the first to stop in order, the second to stop at once."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

STOPPING = (signal.SIGINT, signal.SIGTERM)
"""The signals that count."""


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
        (self.force if self.stop.is_set() else self.stop).set()
        self.number = number

    @property
    def exit_code(self) -> int:
        """What a process says to its shell: 0 after an orderly end, 128 + signal after a forced one (130, 143)."""
        return 128 + self.number if self.force.is_set() else 0


@contextmanager
def listening() -> Iterator[Signals]:
    """Receive SIGINT and SIGTERM of this process for a while; call it inside the running loop."""
    loop, signals = asyncio.get_running_loop(), Signals()
    before = {number: signal.getsignal(number) for number in STOPPING}
    for number in STOPPING:
        loop.add_signal_handler(number, signals.receive, int(number))
    try:
        yield signals
    finally:
        for number in STOPPING:
            loop.remove_signal_handler(number)
            # asyncio leaves the system's own handler behind, not the one that it replaced.
            signal.signal(number, before[number])
