"""Options that several commands share, word for word."""

from typing import Annotated

import typer

Handlers = Annotated[
    list[str] | None, typer.Option("--handlers", help="Module or file with your own kinds; may be repeated.")
]
Kinds = Annotated[list[str] | None, typer.Option("--kinds", help="Only tasks of this kind; may be repeated.")]
Drain = Annotated[
    str | None, typer.Option("--drain-timeout", help="How long work in hand may take after a signal, such as 60s.")
]
StartTimeout = Annotated[
    str | None,
    typer.Option("--start-timeout", help="How long to wait for a server that is away, such as 60s; 0 is not."),
]
Limit = Annotated[int, typer.Option("--limit", min=0, help="At most so many; 0 is all.")]
OfGoal = Annotated[str | None, typer.Option("--goal", help="Only of this goal.")]
"""An id, or its first characters."""
WaitForRoom = Annotated[
    bool, typer.Option("--wait-for-room", help="When too many tasks wait already, wait instead of being refused.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be touched.")]
Reason = Annotated[str, typer.Option("--reason", help="Kept in the audit.")]
As = Annotated[str | None, typer.Option("--as", help="Who decides; else CHIMERA_OPERATOR, else the system's user.")]
