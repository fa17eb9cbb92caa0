"""What a task has behind it, as far as the queue needs it to go on with the task."""

from collections.abc import Mapping

from pydantic import Field

from chimera_cli.models.gate import Judgement
from chimera_cli.models.noun import Noun
from chimera_cli.models.release import Seal
from chimera_cli.models.result import StateChange, Usage
from chimera_cli.models.task import Phase


class HeldResult(Noun):
    """What the queue keeps of a result that is judged, waits for a person or was approved, beside its output."""

    changes: tuple[StateChange, ...] = ()
    """Its writes."""
    usage: Usage = Usage()
    """What making it consumed."""
    executes: bool = False
    """Whether an execute phase follows approval."""
    mergeable: bool = False
    """Whether its kind can merge."""
    review_always: bool = False
    """Whether a person must see it."""
    judgement: Judgement | None = None
    """What the judge and the gate said; None before."""
    seal: Seal | None = None
    """Who vouches for its approval; None before."""


class Past(Noun):
    """What a recorded task has behind it, as far as its next run depends on it."""

    conflicts: int = 0
    """Runs that were repeated because of a version conflict."""
    revisions: int = 0
    """How often the gate sent the result back."""
    feedback: str = ""
    """What the judge asked to change."""
    handed: Mapping[Phase, int] = Field(default_factory=dict)
    """How often each phase was handed to an agent."""
    held: HeldResult | None = None
    """The result, from its handing over to its end; else None."""
