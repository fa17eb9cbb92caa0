"""What a simulation is asked to do, and what watches it."""

from typing import Protocol

from pydantic import Field

from chimera_cli.models.noun import Noun
from chimera_cli.models.snapshot import Snapshot

GOAL = "Grow on Twitter"
"""The goal in words."""
OPERATOR = "scripted operator"
"""Who decides the review cards, as the audit names it."""
LEASE_S = 3
"""Seconds of a lease; the default of real life is 15."""
BEAT_S = 1
"""Seconds between two signs of life; the default of real life is 5."""


class SimulationOptions(Noun):
    """How a simulation is run."""

    seed: int = Field(default=7, ge=0)
    """The same seed gives the same plan, posts, scores and tasks."""
    tasks: int = Field(default=24, ge=1, le=10_000)
    """Filler tasks besides the story's own."""
    workers: int = Field(default=12, ge=4, le=500)
    """Workers, spread over two processes."""
    keep: bool = False
    """Whether the stack's data and the roles' logs stay."""


class Onlooker(Protocol):
    """Who looks on while it runs."""

    def say(self, text: str) -> None:
        """Hear what happens."""
        ...

    def look(self, snapshot: Snapshot) -> None:
        """See the board, about once a second."""
        ...
