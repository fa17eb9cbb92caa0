"""What a drill is asked to do, and who hears of it."""

from collections.abc import Mapping
from typing import Protocol

from pydantic import Field

from chimera_cli.models.drill import FaultKind, RoundReport
from chimera_cli.models.noun import Noun

OPERATOR = "drill operator"
"""Who decides the review cards, as the audit names them."""


class DrillOptions(Noun):
    """How a drill is run."""

    rounds: int = Field(default=10, ge=1, le=100_000)
    """How many rounds."""
    seed: int = Field(default=7, ge=0)
    """The same seed gives the same work and the same schedule of faults."""
    faults: tuple[FaultKind, ...] = Field(default=tuple(FaultKind), min_length=1)
    """What may be done to the swarm."""
    settings: Mapping[str, str] = Field(default_factory=dict)
    """The installation's own settings that the private swarm gets, by variable."""
    keep: bool = False
    """Whether data and logs stay; the drill then ends with the first round that breaks something."""


class Listener(Protocol):
    """Who hears of a drill while it runs."""

    def say(self, text: str) -> None:
        """Hear what happens."""
        ...

    def tell(self, report: RoundReport) -> None:
        """Hear how a round went."""
        ...
