"""Which colour says what."""

from collections.abc import Mapping

from chimera_cli.models.agent import Liveness
from chimera_cli.models.effect import Effect
from chimera_cli.models.goal import GoalStatus
from chimera_cli.models.review import CardStatus
from chimera_cli.models.task import TaskStatus

HIGH_ABOVE = 0.9
"""Confidence strictly above this is green."""
LOW_BELOW = 0.7
"""Confidence below this is red; yellow lies between, both ends included."""

GOOD, WAITING, BAD, QUIET = "green", "yellow", "red", "dim"

STATUS: Mapping[str, str] = {
    TaskStatus.RUNNING: "cyan",
    TaskStatus.JUDGING: "cyan",
    TaskStatus.DELAYED: WAITING,
    TaskStatus.NEEDS_REVIEW: "bold yellow",
    TaskStatus.APPROVED: "cyan",
    TaskStatus.COMPLETED: GOOD,
    TaskStatus.REJECTED: BAD,
    TaskStatus.FAILED: BAD,
    TaskStatus.CANCELLED: QUIET,
    GoalStatus.ACTIVE: "cyan",
    GoalStatus.REPLANNING: WAITING,
    CardStatus.PENDING: "bold yellow",
    CardStatus.EXPIRED: QUIET,
    CardStatus.STALE: QUIET,
    Liveness.ALIVE: GOOD,
    Liveness.LATE: WAITING,
    Liveness.STALLED: WAITING,
    Liveness.STUCK: BAD,
    Liveness.DEAD: BAD,
}
"""Style of a status word; others are plain."""

EFFECT: Mapping[str, str] = {Effect.DONE: GOOD, Effect.UNKNOWN: WAITING, Effect.NOT_DONE: QUIET}
"""Style of what is known of an effect."""


def confidence_style(confidence: float | None) -> str:
    """Return green above 0.9, yellow from 0.7 to 0.9, red below, dim when unscored."""
    if confidence is None:
        return QUIET
    if confidence > HIGH_ABOVE:
        return GOOD
    return WAITING if confidence >= LOW_BELOW else BAD


def confidence_text(confidence: float | None) -> str:
    """Write a confidence so that rounding never moves it across a border: cut, not rounded, to three digits."""
    return "unscored" if confidence is None else f"{int(confidence * 1000 + 1e-9) / 1000:.3f}"
