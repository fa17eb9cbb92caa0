"""Invariant 9, first half: every status change has exactly one event, and every step is a legal one."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from chimera_cli.simulation.history.digests import shard_of
from chimera_cli.simulation.history.effects import REVIVALS
from chimera_cli.simulation.history.history import ENDS, History
from chimera_cli.simulation.history.rows import Event
from chimera_cli.simulation.history.violation import Flaw, Terms

LEGAL: Mapping[str, str] = {
    "PENDING": "QUEUED FAILED CANCELLED",
    "QUEUED": "RUNNING FAILED CANCELLED",
    "RUNNING": "COMPLETED JUDGING DELAYED QUEUED APPROVED FAILED CANCELLED",
    "DELAYED": "QUEUED APPROVED FAILED CANCELLED",
    "JUDGING": "APPROVED NEEDS_REVIEW QUEUED FAILED CANCELLED",
    "NEEDS_REVIEW": "APPROVED REJECTED JUDGING FAILED CANCELLED",
    "APPROVED": "RUNNING COMPLETED QUEUED FAILED CANCELLED",
    "REJECTED": "PENDING",
    "FAILED": "PENDING",
    "CANCELLED": "PENDING",
}
"""Which status may follow which, from docs/task-states.md."""
BECOMES: Mapping[str, str] = {
    "task.queued": "QUEUED APPROVED",
    "task.started": "RUNNING",
    "task.given_back": "QUEUED APPROVED",
    "task.taken_over": "QUEUED APPROVED",
    "task.delayed": "DELAYED",
    "task.judging": "JUDGING",
    "task.revised": "QUEUED",
    "task.held": "NEEDS_REVIEW",
    "task.rejudged": "JUDGING",
    "task.approved": "APPROVED",
    "task.conflicted": "QUEUED DELAYED",
    "task.completed": "COMPLETED",
    "task.rejected": "REJECTED",
    "task.failed": "FAILED",
    "task.cancelled": "CANCELLED",
    "task.recalled": "QUEUED APPROVED",
    "task.retried": "PENDING",
}
"""What each event makes of a task."""
JUDGED_BY_OTHERS = frozenset({"NEEDS_REVIEW", *ENDS})
"""What follows a hold is invariant 6, what follows an end is invariant 2: neither is told twice."""


def every_step_is_an_event(history: History, terms: Terms) -> Iterator[Flaw]:
    """Find status changes without an event, events without a change, and steps that the table of states does not know."""
    for task_id, events in history.lives.items():
        for text in (*_versions(events), *_steps(events), *_home(events, history.shards)):
            yield history.called(task_id), text
    for task in history.tasks:
        events = history.lives.get(task.id, ())
        told = (events[-1].status, events[-1].version, events[-1].phase) if events else ("PENDING", 0, "propose")
        stands = (task.status, task.version, task.phase)
        if stands != told:
            yield history.called(task.id), f"is {_stand(stands)} in the record and {_stand(told)} by its events"
    for task_id in history.lives.keys() - history.by_id.keys():
        yield f"task {task_id}", "has events and is not in the record"


def _versions(events: Sequence[Event]) -> Iterator[str]:
    versions = [event.version for event in events]
    if versions != list(range(1, len(events) + 1)):
        yield f"its events have the versions {versions}"


def _steps(events: Sequence[Event]) -> Iterator[str]:
    for event in events:
        if event.name in BECOMES and event.status not in BECOMES[event.name].split():
            yield f"{event.name} (version {event.version}) made it {event.status}"
    path = ["PENDING", *(event.status for event in events)]
    for source, target in pairwise(path):
        claimed_twice = source == target == "RUNNING"  # invariant 1
        if source not in JUDGED_BY_OTHERS and not claimed_twice and target not in LEGAL[source].split():
            yield f"went from {source} to {target}"


def _home(events: Sequence[Event], shards: int) -> Iterator[str]:
    for shard in {event.shard for event in events if event.name not in REVIVALS}:
        if shard != shard_of(events[0].goal_id, shards):
            yield f"has events on shard {shard}, which is not its goal's"


def _stand(stands: tuple[str, int, str]) -> str:
    return "{} (version {}, {})".format(*stands)
