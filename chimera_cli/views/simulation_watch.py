"""Watching a simulation: a live board with the last words above it on a terminal, a line an event otherwise. Always on stderr."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from chimera_cli.models.snapshot import Snapshot
from chimera_cli.services.plain_text import one_line
from chimera_cli.views.swarm import board

KEPT = 12
"""Lines that stay on the screen."""
ROOM = 32
"""Lines of the screen that are not agents."""


class LineWatch:
    """Writes what is said, a line each, and leaves boards alone."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def say(self, text: str) -> None:
        """Write a line."""
        self._write(text)

    def look(self, snapshot: Snapshot) -> None:
        """Do nothing: a pipe wants events, not boards."""


class LiveWatch:
    """Draws the board and the last words, once a board or a word."""

    def __init__(self, live: Live, height: int) -> None:
        self._live = live
        self._agents = max(height - ROOM, 3)
        self._said: deque[str] = deque(maxlen=KEPT)
        self._snapshot: Snapshot | None = None

    def say(self, text: str) -> None:
        """Add a line above the board."""
        self._said.append(one_line(text))
        self._live.update(self.frame(), refresh=True)

    def look(self, snapshot: Snapshot) -> None:
        """Put another board below the lines."""
        self._snapshot = snapshot
        self._live.update(self.frame(), refresh=True)

    def frame(self) -> RenderableType:
        """Return what is on the screen."""
        parts: list[RenderableType] = [Text("chimera simulate", style="bold"), *map(Text, self._said), Text("")]
        if self._snapshot is not None:
            parts.append(board(self._snapshot, limit=self._agents).drawn())
        return Group(*parts)


@contextmanager
def open_watch(console: Console, write: Callable[[str], None]) -> Iterator[LineWatch | LiveWatch]:
    """Watch on a terminal that can redraw, or write lines.

    Args:
        console: Draws on stderr.
        write: Writes a line when the console is no such terminal.
    """
    if not console.is_terminal or console.is_dumb_terminal:
        yield LineWatch(write)
        return
    with Live(console=console, screen=True, auto_refresh=False, transient=True) as live:
        yield LiveWatch(live, console.height)
