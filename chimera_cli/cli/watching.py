"""Who looks on while a simulation runs: a person before a live board, or a pipe that gets a line now and then."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chimera_cli.cli.interrupts import raise_interrupts
from chimera_cli.cli.terminal import Terminal

if TYPE_CHECKING:
    from rich.live import Live

    from chimera_cli.models.snapshot import Snapshot

EVERY = 5
"""Looks, a second apart, from one line to the next."""


class Onlooker:
    """Says what happens on stderr; a live board shows the rest, and without one a line every few seconds does."""

    def __init__(self, terminal: Terminal, live: "Live | None" = None) -> None:
        self._terminal = terminal
        self._live = live
        self._looks = 0

    def say(self, text: str) -> None:
        """Hear what happens."""
        if self._live is not None:
            from chimera_cli.services.plain_text import one_line

            self._live.console.print(one_line(self._terminal.redact(text)), markup=False)
        else:
            self._terminal.note(text)

    def look(self, snapshot: "Snapshot") -> None:
        """See the board."""
        from chimera_cli.views.swarm import board, progress

        if self._live is not None:
            self._live.update(board(snapshot, limit=5).drawn(), refresh=True)
        elif self._looks % EVERY == 0:
            self._terminal.note(progress(snapshot))
        self._looks += 1


@contextmanager
def onlooker(terminal: Terminal) -> Iterator[Onlooker]:
    """Look on for as long as the context is open; Ctrl-C is an exception then, for there is a stack to stop."""
    raise_interrupts()
    if terminal.options.json or terminal.options.quiet or not terminal.drawing:
        yield Onlooker(terminal)
        return
    from rich.live import Live

    with Live(console=terminal.console(), auto_refresh=False, transient=True) as live:
        yield Onlooker(terminal, live)
