"""The local servers and how they are doing."""

from collections.abc import Sequence
from typing import Any, Protocol

from chimera_cli.views.shown import Cell, Column, Grid
from chimera_cli.views.theme import BAD, GOOD


class Server(Protocol):
    """What is shown of a local server; the local stack has it."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def state(self) -> str:
        """running, stuck or stopped."""
        ...

    @property
    def pid(self) -> int | None:
        """Its process id."""
        ...

    @property
    def port(self) -> int:
        """Its loopback port."""
        ...


def stack_document(servers: Sequence[Server], started: Sequence[str]) -> dict[str, Any]:
    """Say how each server is, and which were started just now."""
    known = [{"name": s.name, "state": s.state, "pid": s.pid, "port": s.port} for s in servers]
    return {"servers": known, "started": list(started)}


def stack_grid(servers: Sequence[Server]) -> Grid:
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
    return Grid("", columns, rows, empty="nothing was ever started here")
