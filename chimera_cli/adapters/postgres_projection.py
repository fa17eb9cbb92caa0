"""What a batch of events means for the record: pure, so that the order and staleness of events are tested without a database."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from chimera_cli.adapters.event_rows import BIGGEST
from chimera_cli.adapters.row import json_text, plain
from chimera_cli.models.event import TaskEvent
from chimera_cli.models.result import StateChange
from chimera_cli.models.task import Phase, TaskStatus

RESULT_EVENTS = ("task.judging", "task.held", "task.completed")
"""Events that carry the task's output; on all others it stays as it was."""
TROUBLED = frozenset({TaskStatus.DELAYED, TaskStatus.FAILED, TaskStatus.REJECTED, TaskStatus.CANCELLED})
"""Statuses that say why."""


class TaskMark(NamedTuple):
    """Where a task stands."""

    goal_id: str
    status: TaskStatus
    version: int


@dataclass(slots=True)
class TaskMove:
    """A task's last event, and what earlier ones of the batch left."""

    event: TaskEvent
    agent: str = ""
    has_output: bool = False
    output: object = None

    def follow(self, event: TaskEvent) -> None:
        """Go on to a later event."""
        self.event = event
        self.agent = plain(event.agent) or self.agent
        if event.name in RESULT_EVENTS:
            self.has_output, self.output = True, event.output

    def values(self) -> dict[str, object]:
        """Return the columns to change."""
        event = self.event
        return {
            "id": event.task_id,
            "status": str(event.status),
            "phase": str(event.phase),
            "version": event.version,
            "generation": event.generation,
            "attempts": event.attempts,
            "error": plain(event.error) if event.status in TROUBLED else "",
            "at": event.at,
            "agent": self.agent,
            "has_output": self.has_output,
            "output": json_text(self.output),
        }


@dataclass
class Ends:
    """How many tasks of a goal ended."""

    finished: int = 0
    failed: int = 0
    cancelled: int = 0

    def count(self, status: TaskStatus) -> None:
        """Count one more."""
        if status is TaskStatus.COMPLETED:
            self.finished += 1
        elif status is TaskStatus.CANCELLED:
            self.cancelled += 1
        else:
            self.failed += 1


@dataclass
class Projection:
    """Everything to write."""

    moves: dict[str, TaskMove] = field(default_factory=dict)
    """By task id."""
    commits: dict[tuple[str, str], tuple[TaskEvent, StateChange]] = field(default_factory=dict)
    """The newest write by goal id and state key."""
    held: list[TaskEvent] = field(default_factory=list)
    """Results that wait for a person now or did so within the batch."""
    moved_on: list[str] = field(default_factory=list)
    """Ids of tasks that were held before, or are held anew: what older cards of them show is held no longer."""
    conflicted: list[TaskEvent] = field(default_factory=list)
    """Results that have to be made again."""
    ended: list[str] = field(default_factory=list)
    """Ids of tasks that have ended."""
    ends: dict[str, Ends] = field(default_factory=dict)
    """The same, counted by goal id."""


def project(marks: Mapping[str, TaskMark], events: Iterable[TaskEvent]) -> Projection:
    """Tell what new events change, given where their tasks stand.

    An event of an unknown task, one older than what is known of its task, and one after its end change nothing;
    its commits to the state count all the same, unless they are older than what the state has.
    """
    # An event that counts is where its task stands from then on.
    standing: dict[str, TaskMark | TaskEvent] = dict(marks)
    projection = Projection()
    for event in events:
        mark = standing.get(event.task_id)
        if mark is None or mark.goal_id != event.goal_id:
            continue
        _commit(projection, event)
        if event.version > mark.version and not mark.status.terminal:
            standing[event.task_id] = event
            if TaskStatus.NEEDS_REVIEW in (mark.status, event.status) and not event.status.terminal:
                projection.moved_on.append(event.task_id)
            _advance(projection, event)
    return projection


def _commit(projection: Projection, event: TaskEvent) -> None:
    for change in event.changes:
        known = projection.commits.get((event.goal_id, change.key))
        if known is None or known[1].expected < change.expected < BIGGEST:
            projection.commits[event.goal_id, change.key] = (event, change)


def _advance(projection: Projection, event: TaskEvent) -> None:
    move = projection.moves.get(event.task_id)
    if move is None:
        move = projection.moves[event.task_id] = TaskMove(event)
    move.follow(event)
    if event.name == "task.held":
        projection.held.append(event)
    elif event.name == "task.conflicted" and event.phase is Phase.PROPOSE:
        projection.conflicted.append(event)
    if event.status.terminal:
        projection.ended.append(event.task_id)
        projection.ends.setdefault(event.goal_id, Ends()).count(event.status)
