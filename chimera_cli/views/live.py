"""The live board: a frame a second on the alternate screen, and nothing at all when nothing changed."""

import json
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from io import StringIO

from rich.console import Console
from rich.live import Live

from chimera_cli.models.snapshot import Snapshot
from chimera_cli.views.documents import status_document
from chimera_cli.views.shown import Shown
from chimera_cli.views.swarm import board

PERIOD = timedelta(seconds=1)
"""Time between two looks. Rich's own four a second cost 32 KiB/s over ssh, this a third."""

ROOM_BELOW = 20
"""Lines of the board that are not agents."""

Sleep = Callable[[timedelta], Awaitable[None]]
Take = Callable[[], Awaitable[Snapshot]]


async def watch_board(console: Console, take: Take, sleep: Sleep) -> None:
    """Redraw until cancelled."""
    last = ""
    with Live(console=console, screen=True, auto_refresh=False, transient=True) as live:
        while True:
            drawn = board(await take(), limit=max(console.height - ROOM_BELOW, 3))
            frame = text_of_frame(drawn, console.width)
            if frame != last:
                live.update(drawn.drawn(), refresh=True)
                last = frame
            await sleep(PERIOD)


async def watch_lines(take: Take, sleep: Sleep, *, as_json: bool) -> None:
    """Write a document a line, or the plain lines, every second until cancelled."""
    while True:
        snapshot = await take()
        for line in [json.dumps(status_document(snapshot))] if as_json else board(snapshot).lines():
            sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        await sleep(PERIOD)


def text_of_frame(drawn: Shown, width: int) -> str:
    """Return what a frame looks like, for comparison with the last one."""
    console = Console(file=StringIO(), width=width, color_system=None)
    console.print(drawn.drawn())
    return console.file.getvalue() if isinstance(console.file, StringIO) else ""
