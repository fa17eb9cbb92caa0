"""How one server of the local stack is doing."""

from typing import Literal

from chimera_cli.models.noun import Noun


class ServerStatus(Noun):
    """What `chimera up` shows of it."""

    name: str
    """Redis, PostgreSQL or stand-in model."""
    state: Literal["running", "stuck", "stopped"]
    """Stuck: the process lives and does not answer."""
    pid: int | None
    """Its process id; None when stopped."""
    port: int
    """Its loopback port."""
