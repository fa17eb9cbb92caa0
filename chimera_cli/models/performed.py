"""Effects that the record knows of, and whether somebody who has the key let them pass."""

from enum import StrEnum

from chimera_cli.models.noun import Noun
from chimera_cli.models.release import Seal


class Trace(StrEnum):
    """What an effect left behind."""

    EVENT = "event"
    """The event of an execution that was completed."""
    POST = "post"
    """A post that an execution put into the outbox, of a task that has ended."""


class Approval(Noun):
    """An approval in the record, with what it was of."""

    digest: str
    """Digest of what was approved."""
    seal: Seal
    """Who vouches for it."""


class Performed(Noun):
    """One effect, and every sealed approval of its task."""

    seq: int
    """Its place among those that left the same trace."""
    task_id: str
    """The task."""
    kind: str
    """Its kind; empty when the record knows no such task."""
    digest: str = ""
    """Digest of what was executed; empty when the trace does not tell."""
    approvals: tuple[Approval, ...] = ()
    """Approvals of the task that carry a seal."""


class EffectsReport(Noun):
    """What a walk along all effects found."""

    seen: int = 0
    """Traces of effects that were looked at: completed executions, and posts."""
    unsigned: tuple[str, ...] = ()
    """Tasks with an effect for which nobody vouches."""
    signatures_checked: bool = False
    """Whether the signatures were verified; without the key only their absence shows."""
