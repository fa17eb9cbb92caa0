"""What an operator orders about running work: kept first, carried out as soon as the queue can be reached."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from chimera_cli.models.noun import Noun

TOO_LATE = "when the order was carried out, the task had already ended"
"""Note on an order to cancel a task that was quicker."""


class OrderAction(StrEnum):
    """What may be ordered."""

    PAUSE = "pause"
    """Nothing of a goal starts, and answers that are under way change nothing."""
    RESUME = "resume"
    """A paused goal goes on."""
    CANCEL = "cancel"
    """A task, or all live tasks of a goal, end as CANCELLED."""
    RETRY = "retry"
    """A task that ended badly runs again from its beginning."""

    @property
    def past(self) -> str:
        """What becomes of its subject, for sentences."""
        return {"pause": "paused", "resume": "resumed", "cancel": "cancelled", "retry": "retried"}[self.value]


class Fate(StrEnum):
    """What became in the queue of a task that was to be cancelled."""

    CANCELLED = "ok"
    """It ended as CANCELLED, now or before."""
    ENDED = "ended"
    """It had ended otherwise, or was put back since: the order was about a life that is over."""
    UNKNOWN = "unknown"
    """The queue does not hold it in the life that is meant: it is not dispatched yet, or forgotten after its end."""


class Order(Noun):
    """One order about one goal or one task."""

    seq: int
    """Counts up; of two orders about one goal the one with the higher number came later."""
    at: datetime
    """When it was given, by the clock of the store."""
    action: OrderAction
    """What."""
    goal_id: str
    """The goal, also when the order is about one of its tasks."""
    task_id: str = ""
    """The task; empty when the order is about the whole goal."""
    operator: str
    """Who."""
    reason: str = ""
    """The operator's words."""
    done_at: datetime | None = None
    """When it was carried out; None before."""
    life: int = Field(default=0, exclude=True)
    """Which life of its task is meant, for whoever carries it out: number of the order by which it had been put back; 0 for the
    first life."""
    note: str = ""
    """What the operator should know of that, such as that the task had ended before."""

    @property
    def why(self) -> str:
        """The order in a sentence, as events tell it."""
        return f"{self.action.past} by {self.operator}" + (f": {self.reason}" if self.reason else "")
