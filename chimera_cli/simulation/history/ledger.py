"""Invariant 7: submitted = finished + failed + cancelled + live, counted three ways."""

from collections import Counter
from collections.abc import Iterator

from chimera_cli.simulation.history.history import ENDS, History
from chimera_cli.simulation.history.rows import Goal
from chimera_cli.simulation.history.violation import Flaw, Terms

OVER = frozenset({"COMPLETED", "FAILED"})
"""Goals that have ended by themselves, and so have no live task."""


def ledger_adds_up(history: History, terms: Terms) -> Iterator[Flaw]:
    """Find goals whose own counters, tasks and events do not tell the same."""
    last = {task_id: events[-1].status for task_id, events in history.lives.items()}
    for goal in history.goals:
        tasks = [task for task in history.tasks if task.goal_id == goal.id]
        said = (goal.submitted, goal.finished, goal.failed, goal.cancelled)
        for source, statuses in {
            "its tasks": [task.status for task in tasks],
            "its events": [last.get(task.id, "PENDING") for task in tasks],
        }.items():
            counted = _counts(statuses)
            if counted != said:
                yield f"goal {goal.id}", f"its ledger says {_sum(said)}, {source} say {_sum(counted)}"
        live = sum(task.status not in ENDS for task in tasks)
        yield from _unbalanced(goal, live)
    known = {goal.id for goal in history.goals}
    for task in history.tasks:
        if task.goal_id not in known:
            yield history.called(task.id), f"belongs to goal {task.goal_id}, which is not there"


def _unbalanced(goal: Goal, live: int) -> Iterator[Flaw]:
    ended = goal.finished + goal.failed + goal.cancelled
    if goal.submitted != ended + live:
        yield f"goal {goal.id}", f"{goal.submitted} submitted, {ended} ended and {live} live"
    if goal.status in OVER and live:
        yield f"goal {goal.id}", f"is {goal.status} with {live} live tasks"


def _counts(statuses: list[str]) -> tuple[int, int, int, int]:
    number = Counter(statuses)
    return len(statuses), number["COMPLETED"], number["FAILED"] + number["REJECTED"], number["CANCELLED"]


def _sum(counts: tuple[int, int, int, int]) -> str:
    return "{} submitted, {} finished, {} failed, {} cancelled".format(*counts)
