"""`chimera audit`: who decided what, when."""

from typing import Annotated, Any

import typer

from chimera_cli.cli.arguments import Limit
from chimera_cli.cli.command import command, group
from chimera_cli.cli.terminal import Terminal
from chimera_cli.cli.words import span, utc_now

app = group("See who decided what.")


@command(app, "list", example="chimera audit list --since 1d --json")
def list_events(
    terminal: Terminal,
    since: Annotated[str | None, typer.Option("--since", help="Only the last 90s, 15m, 2h or 1d.")] = None,
    limit: Limit = 50,
) -> None:
    """List human decisions, oldest first."""
    from chimera_cli.views.documents import audit_document
    from chimera_cli.views.review import audit_grid

    back = span(since, "--since")

    async def read() -> Any:
        async with terminal.swarm() as swarm:
            return await swarm.reviews.audit(since=utc_now() - back if back is not None else None, limit=limit)

    events = terminal.run(read())
    terminal.show(audit_document(events), audit_grid(events))
    terminal.note_limit(len(events), limit)
