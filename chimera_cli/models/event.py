"""What the queue tells the record: one event a status change, in order."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import Field, JsonValue, SkipValidation

from chimera_cli.models.noun import Noun
from chimera_cli.models.result import Parsed, StateChange
from chimera_cli.models.task import Phase, TaskStatus


class TaskEvent(Noun):
    """One status change of one task."""

    shard: int
    """The shard whose event stream holds it."""
    entry_id: str
    """Its id in that stream; with the shard the key that makes recording exactly-once."""
    at: datetime
    """When it happened, by the clock of Redis."""
    name: str
    """What happened: task.queued, task.started, task.given_back, task.taken_over, task.delayed, task.judging, task.revised,
    task.held, task.rejudged, task.approved, task.conflicted, task.completed, task.rejected, task.failed, task.cancelled,
    task.recalled (its goal was paused) or task.retried (put back by the record, at an operator's order)."""
    task_id: str
    """The task."""
    goal_id: str
    """Its goal."""
    status: TaskStatus
    """The status it has now."""
    phase: Phase
    """The phase it is in now."""
    version: int
    """Number of status changes of the task, this one included."""
    generation: int
    """Number of claims so far."""
    attempts: int
    """Attempts begun so far."""
    agent: str = ""
    """Who caused it: an agent's id, an operator's name, or empty for housekeeping."""
    output: Parsed = None
    """The result, on task.judging, task.held and task.completed."""
    changes: tuple[StateChange, ...] = ()
    """Writes committed together with it; the new version of each is `expected` + 1."""
    error: str = ""
    """Why, on task.delayed, task.failed, task.rejected, task.cancelled, task.revised, task.rejudged, task.conflicted,
    task.recalled and task.retried."""
    epoch: int = 0
    """Epoch of the shard in the Redis from which it was read; 0 in the record."""
    data: SkipValidation[Mapping[str, JsonValue]] = Field(default_factory=dict)
    """The rest: `judgement` (a Judgement as JSON) on task.held, task.approved and task.revised; `usage` on task.judging."""
