"""`chimera down`: ends the local servers; the data stays."""

from pathlib import Path
from typing import Annotated

import typer

from chimera_cli.cli.command import command, single
from chimera_cli.cli.terminal import Terminal
from chimera_cli.cli.words import FOLDER

app = single()


@command(app, example="chimera down")
def down(
    terminal: Terminal,
    folder: Annotated[Path, typer.Option("--folder", help="Where the data lies.")] = FOLDER,
) -> None:
    """Stop the local servers; their data is kept."""
    from chimera_cli.local.stack import LocalStack

    stopped = LocalStack(folder).stop()
    words = f"stopped {', '.join(stopped)}; the data in {folder} is kept" if stopped else "nothing was running"
    terminal.show({"stopped": stopped}, terminal.plain([words]))
