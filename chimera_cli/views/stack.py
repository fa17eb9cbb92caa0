"""The local servers and how they are doing."""

from collections.abc import Sequence
from typing import Any

from chimera_cli.models.server import ServerStatus
from chimera_cli.views.shown import Cell, Column, Grid
from chimera_cli.views.theme import BAD, GOOD


def stack_document(servers: Sequence[ServerStatus], started: Sequence[str]) -> dict[str, Any]:
    """Say how each server is, and which were started just now."""
    return {"servers": [server.model_dump(mode="json") for server in servers], "started": list(started)}


def stack_grid(servers: Sequence[ServerStatus]) -> Grid:
    """List the servers."""
    columns = (
        Column("server", whole=True),
        Column("state", whole=True),
        Column("pid", number=True),
        Column("port", number=True),
    )
    rows = [
        (s.name, Cell(s.state, GOOD if s.state == "running" else BAD), str(s.pid or "-"), str(s.port)) for s in servers
    ]
    return Grid("", columns, rows)
