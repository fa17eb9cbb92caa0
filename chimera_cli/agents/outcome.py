"""How a run of a task ended, as one value: decided first, then committed, then announced."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Self

from chimera_cli.models.delivery import Lease, Setback
from chimera_cli.models.result import TaskResult
from chimera_cli.ports.queue import TaskQueuePort
from chimera_cli.services.retry import RetryDecision


class Move(StrEnum):
    """Which answer the queue gets."""

    COMPLETE = "completed"
    HAND_OVER = "handed_over"
    RERUN = "rerun"
    RETRY = "retried"
    FAIL = "failed"
    JUDGE = "judged again"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The end of one run."""

    move: Move
    """The answer."""
    result: TaskResult = field(default_factory=TaskResult)
    """What it returned; empty unless COMPLETE or HAND_OVER; when JUDGE, whether a person must see it."""
    digest: str = ""
    """The approved digest, when an execution is COMPLETE."""
    error: str = ""
    """Why, when RERUN, RETRY, JUDGE or FAIL."""
    delay: timedelta = timedelta()
    """Time until the next attempt, when RETRY or RERUN."""
    costs_attempt: bool = True
    """Whether a RETRY counts against the task."""
    cause: Setback = Setback.WORK
    """What failed, when RETRY."""
    park: timedelta | None = None
    """How long the kind's lane rests before a RETRY; None: not at all."""
    trace: str = ""
    """The stack trace, when an error led here."""

    @classmethod
    def of(cls, decision: RetryDecision, trace: str = "") -> Self:
        """Make the outcome that a retry decision asks for."""
        return cls(
            move=Move.RETRY if decision.retry else Move.FAIL,
            error=decision.error,
            delay=decision.delay,
            costs_attempt=decision.costs_attempt,
            cause=decision.cause,
            park=decision.park,
            trace=trace,
        )


async def commit(queue: TaskQueuePort, lease: Lease, outcome: Outcome) -> None:
    """Give the queue the answer.

    Raises:
        StaleLease: The lease no longer holds; nothing changed.
        OCCConflict: A change is based on an old version; nothing changed.
        BackendUnavailable: Unknown whether it changed; say it again.
    """
    match outcome.move:
        case Move.COMPLETE:
            await queue.complete(lease, outcome.result, digest=outcome.digest)
        case Move.HAND_OVER:
            await queue.hand_over(lease, outcome.result)
        case Move.RERUN:
            await queue.rerun(lease, outcome.error, delay=outcome.delay)
        case Move.JUDGE:
            await queue.judge_again(lease, outcome.error, review_always=outcome.result.review_always)
        case Move.FAIL:
            await queue.fail(lease, outcome.error)
        case Move.RETRY:
            if outcome.park is not None:
                await queue.park(lease, outcome.park)
            costs, cause = outcome.costs_attempt, outcome.cause
            await queue.retry(lease, outcome.delay, outcome.error, costs_attempt=costs, cause=cause)
