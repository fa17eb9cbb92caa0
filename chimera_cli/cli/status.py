"""`chimera status`: the whole swarm on one screen."""

import signal
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from chimera_cli.cli.command import command, single
from chimera_cli.cli.terminal import Terminal

if TYPE_CHECKING:
    from chimera_cli.models.snapshot import Snapshot

app = single()


@command(app, example="chimera status --watch")
def status(
    terminal: Terminal,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until Ctrl-C, once a second.")] = False,
) -> None:
    """Show fleet, queues, review cards and the ledger."""
    from chimera_cli.views.documents import status_document
    from chimera_cli.views.swarm import board

    if watch:
        return terminal.run(_watch(terminal))

    async def look() -> "Snapshot":
        async with terminal.swarm(looks=True) as swarm:
            return await swarm.snapshot()

    snapshot = terminal.run(look())
    terminal.show(status_document(snapshot), board(snapshot))
    return None


async def _watch(terminal: Terminal) -> None:
    """Watch until Ctrl-C, which is how watching ends and no failure."""
    import asyncio

    from chimera_cli.views.live import watch_board, watch_lines

    async def sleep(period: timedelta) -> None:
        await asyncio.sleep(period.total_seconds())

    watching = asyncio.current_task()
    if watching is not None:
        # The default end by SIGTERM would leave the terminal on the alternate screen.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, watching.cancel)
    async with terminal.swarm(looks=True) as swarm:
        try:
            if terminal.options.json or not terminal.drawing:
                await watch_lines(swarm.snapshot, sleep, as_json=terminal.options.json)
            else:
                await watch_board(terminal.console(), swarm.snapshot, sleep)
        except asyncio.CancelledError:
            return
