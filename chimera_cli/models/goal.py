"""A wish in plain words, and how far it has come."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from chimera_cli.models.noun import Noun
from chimera_cli.models.persona import Persona
from chimera_cli.models.task import TaskStatus
from chimera_cli.models.words import Text


class GoalStatus(StrEnum):
    """Where a goal stands."""

    ACTIVE = "ACTIVE"
    """Has live tasks."""
    REPLANNING = "REPLANNING"
    """All its tasks have ended, some badly, and a planner may still replace those."""
    COMPLETED = "COMPLETED"
    """All its tasks have ended, and what failed was replaced."""
    FAILED = "FAILED"
    """All its tasks have ended, some badly, and no replan is left."""
    CANCELLED = "CANCELLED"
    """An operator ended it."""

    @property
    def terminal(self) -> bool:
        """Whether the goal takes no more tasks."""
        return self in {GoalStatus.COMPLETED, GoalStatus.FAILED, GoalStatus.CANCELLED}


class Ledger(Noun):
    """The count that must always add up: submitted = finished + failed + cancelled + live."""

    submitted: int = 0
    """Tasks accepted."""
    finished: int = 0
    """Tasks COMPLETED."""
    failed: int = 0
    """Tasks FAILED or REJECTED."""
    cancelled: int = 0
    """Tasks CANCELLED."""
    live: int = 0
    """Tasks in any other status, counted from the tasks themselves."""

    @property
    def balanced(self) -> bool:
        """Whether no task is lost or counted twice."""
        return self.submitted == self.finished + self.failed + self.cancelled + self.live


class Goal(Noun):
    """A goal as the record knows it."""

    id: str
    """20 hex characters."""
    text: Text
    """The wish."""
    status: GoalStatus = GoalStatus.ACTIVE
    """Where it stands."""
    persona: Persona | None = None
    """Whose voice its tasks use; None for no one's."""
    max_replans: int = Field(default=0, ge=0, le=20)
    """How often a planner may replace failed tasks; 0 for plans that no model made."""
    replans: int = 0
    """How often one did."""
    counts: Mapping[TaskStatus, int] = Field(default_factory=dict)
    """Tasks by status; statuses without tasks are absent."""
    created_at: datetime
    """When it was submitted."""
    finished_at: datetime | None = None
    """When it reached a terminal status."""
    paused_at: datetime | None = None
    """Since when nothing of it starts; None when it is not paused."""
    paused_by: str = ""
    """Operator who paused it; empty when it is not paused."""
    cancelled_at: datetime | None = None
    """When an operator ordered to cancel it; its live tasks end as soon as the queue can be reached."""
    cancelled_by: str = ""
    """That operator."""
    ordered: int = 0
    """Number of the last order to pause, resume or cancel it; the queue obeys no older one."""

    @property
    def live(self) -> int:
        """Tasks that have not ended."""
        return sum(count for status, count in self.counts.items() if not status.terminal)
