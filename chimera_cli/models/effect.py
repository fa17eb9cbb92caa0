"""Whether a task's effect outside the swarm has happened, as far as the record can know it."""

from enum import StrEnum
from typing import NamedTuple


class Effect(StrEnum):
    """What is known."""

    DONE = "done"
    """It has happened: its post stands in the outbox, or its handler confirmed it."""
    NOT_DONE = "not done"
    """It has not: the run that performs it was never claimed."""
    UNKNOWN = "unknown"
    """Nobody can tell: the run that performs it had begun, and neither confirmed it nor stored a post."""


class Traces(NamedTuple):
    """What the record holds of the run that performs a task's effect."""

    stored: bool = False
    """Whether a post stands in the outbox under its idempotency key."""
    begun: bool = False
    """Whether it was claimed, in any life of the task."""
    lost: bool = False
    """Whether Redis lost data after it could have been claimed: the claim may be among what was lost."""


def effect_of(traces: Traces, *, completed: bool, ended: bool) -> Effect | None:
    """Say what is known of a task's effect; None while it is live and nothing has happened yet.

    A post that an earlier life of the task stored counts: it carries the same key, and is not stored again.
    """
    if traces.stored or completed:
        return Effect.DONE
    if not ended:
        return None
    return Effect.UNKNOWN if traces.begun or traces.lost else Effect.NOT_DONE
