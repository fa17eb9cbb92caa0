"""The unit of work, its life as a table of allowed status changes, and what a plan says of it."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from pydantic import Field, JsonValue

from chimera_cli.models.effect import Effect
from chimera_cli.models.noun import Noun
from chimera_cli.models.words import Key, Line


class Priority(StrEnum):
    """Which lane a task waits in; a higher lane is served first."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class Phase(StrEnum):
    """What the next run of a task does."""

    PROPOSE = "propose"
    """Make the result. Nothing outside the swarm changes."""
    MERGE = "merge"
    """Recompute the held state changes of an approved result on the state as it is now, without a model."""
    EXECUTE = "execute"
    """Perform the approved result's effect."""


class TaskStatus(StrEnum):
    """Where a task stands."""

    PENDING = "PENDING"
    """Waits for the tasks it depends on."""
    QUEUED = "QUEUED"
    """Waits for a worker."""
    RUNNING = "RUNNING"
    """A worker holds its lease."""
    DELAYED = "DELAYED"
    """Failed or throttled; a retry waits for its time."""
    JUDGING = "JUDGING"
    """Has a result that waits for a judge or is being judged."""
    NEEDS_REVIEW = "NEEDS_REVIEW"
    """Held until a person decides."""
    APPROVED = "APPROVED"
    """Its result was approved; what remains to be done waits for a worker."""
    COMPLETED = "COMPLETED"
    """Done, and its effects are committed."""
    REJECTED = "REJECTED"
    """A person refused its result."""
    FAILED = "FAILED"
    """Gave up, with a reason."""
    CANCELLED = "CANCELLED"
    """Will not run: a task it depends on failed, an operator cancelled it, or its goal ended."""

    @property
    def terminal(self) -> bool:
        """Whether the swarm is done with the task: nothing follows by itself, at most an operator has it run again."""
        return self is TaskStatus.COMPLETED or self in RETRIED


S = TaskStatus
TRANSITIONS: Mapping[TaskStatus, frozenset[TaskStatus]] = {
    S.PENDING: frozenset({S.QUEUED, S.FAILED, S.CANCELLED}),
    S.QUEUED: frozenset({S.RUNNING, S.FAILED, S.CANCELLED}),
    S.RUNNING: frozenset({S.COMPLETED, S.JUDGING, S.DELAYED, S.QUEUED, S.APPROVED, S.FAILED, S.CANCELLED}),
    S.DELAYED: frozenset({S.QUEUED, S.APPROVED, S.FAILED, S.CANCELLED}),
    S.JUDGING: frozenset({S.APPROVED, S.NEEDS_REVIEW, S.QUEUED, S.FAILED, S.CANCELLED}),
    S.NEEDS_REVIEW: frozenset({S.APPROVED, S.REJECTED, S.JUDGING, S.FAILED, S.CANCELLED}),
    S.APPROVED: frozenset({S.RUNNING, S.COMPLETED, S.QUEUED, S.FAILED, S.CANCELLED}),
    S.COMPLETED: frozenset(),
    S.REJECTED: frozenset({S.PENDING}),
    S.FAILED: frozenset({S.PENDING}),
    S.CANCELLED: frozenset({S.PENDING}),
}
"""Which status may follow which. The Redis scripts are built from this table, and docs/task-states.md is compared with it. The
steps out of a terminal status are the record's, at an operator's order; no script takes them."""
RETRIED = frozenset({S.REJECTED, S.FAILED, S.CANCELLED})
"""The bad ends, from which an operator may have a task run again."""


class TaskSpec(Noun):
    """A task as a plan asks for it."""

    key: Key
    """Name of the task inside its goal, unique there; other tasks depend on it by this name."""
    kind: Key
    """Which handler does it, such as `content.draft`."""
    title: Line = "untitled"
    """One line that tells a person what it is for."""
    payload: dict[str, JsonValue] = Field(default_factory=dict)
    """Arguments for the handler."""
    depends_on: tuple[Key, ...] = ()
    """Keys of the tasks that must be COMPLETED first."""
    priority: Priority = Priority.NORMAL
    """Lane it waits in."""
    deadline: datetime | None = None
    """When the task fails if it is not done; with a time zone. None: never."""
    max_retries: int = Field(default=3, ge=0, le=100)
    """How many failed attempts are followed by another."""


class Task(TaskSpec):
    """A task as the record knows it."""

    id: str
    """Derived from goal and key; see `identity.task_id`."""
    goal_id: str
    """The goal it works for."""
    status: TaskStatus = TaskStatus.PENDING
    """Where it stands."""
    phase: Phase = Phase.PROPOSE
    """What its next or last run does."""
    version: int = 0
    """Number of status changes so far."""
    generation: int = 0
    """Number of claims so far."""
    attempts: int = 0
    """Attempts begun, counted from 1; a hand-back, a takeover or a conflict begins none."""
    error: str = ""
    """Why it is delayed, failed, rejected or cancelled; else empty."""
    output: JsonValue = None
    """What its last phase returned; None until then."""
    agent: str = ""
    """Id of the agent that touched it last; empty before."""
    created_at: datetime
    """When it was submitted."""
    updated_at: datetime
    """When its status last changed."""
    effect: Effect | None = None
    """What is known of its effect outside the swarm; None while it is live, or where nobody looked."""

    @property
    def retry_count(self) -> int:
        """Attempts after the first."""
        return max(self.attempts - 1, 0)


class PlannedTask(NamedTuple):
    """What a plan shows of a stored task. As cheap as can be: a plan may have a hundred thousand."""

    id: str
    key: str
    kind: str
    title: str
    depends_on: tuple[str, ...]
    priority: Priority
    status: TaskStatus
