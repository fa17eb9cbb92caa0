"""Invariant 4: nothing waits for ever; what was abandoned runs again within a lease and a second."""

from collections.abc import Iterator
from datetime import timedelta

from chimera_cli.simulation.history.history import ENDS, Death, History
from chimera_cli.simulation.history.rows import Event
from chimera_cli.simulation.history.violation import Flaw, Terms

WAITING_GOALS = frozenset({"ACTIVE"})
"""Statuses in which a goal without a live task would wait for nobody."""


def nothing_waits(history: History, terms: Terms) -> Iterator[Flaw]:
    """Find work that is left over at the end, and abandoned work that was taken over late or not at all."""
    if terms.ended:
        yield from _left_over(history)
    for event, death in _abandoned(history):
        waited = _waited(history, event, death)
        allowed = terms.timing.lease and terms.timing.lease + terms.timing.slack
        if waited is None:
            if terms.ended:
                yield history.called(event.task_id), f"was not taken over after {event.agent} died"
        elif allowed is not None and waited > allowed:
            yield history.called(event.task_id), f"waited {waited.total_seconds():.1f} s to be taken over"


def _left_over(history: History) -> Iterator[Flaw]:
    for task in history.tasks:
        if task.status not in ENDS:
            never = " and never came to the queue" if task.dispatched_at is None else ""
            yield history.called(task.id), f"is left {task.status}{never}, though all is over"
    for card in history.cards:
        if card.status in {"APPROVED", "REJECTED"} and card.resumed_at is None:
            yield f"card {card.id}", f"is {card.status}, and nobody has carried that out"
    for order in history.orders:
        if order.done_at is None:
            yield (
                f"order {order.seq}",
                f"to {order.action} was given by {order.operator}, and nobody has carried it out",
            )
    live = {task.goal_id for task in history.tasks if task.status not in ENDS}
    for goal in history.goals:
        if goal.status in WAITING_GOALS and goal.id not in live and goal.submitted:
            yield f"goal {goal.id}", f"is left {goal.status}, though all its tasks have ended"
    for task_id, events in history.lives.items():
        taken = max((event.version for event in events if event.name == "task.taken_over"), default=0)
        on = any(event.name == "task.started" or event.status in ENDS for event in events if event.version > taken)
        if taken and not on:
            yield history.called(task_id), "was taken over, and neither ran again nor ended"


def _abandoned(history: History) -> Iterator[tuple[Event, Death]]:
    """Find the claims that a dead process held when it died, with its death."""
    for death in history.deaths:
        for events in history.lives.values():
            held = [event for event in events if event.at <= death.at]
            if held and held[-1].name == "task.started" and held[-1].agent in death.agents:
                yield held[-1], death


def _waited(history: History, claim: Event, death: Death) -> timedelta | None:
    """Tell how long a claim outlived its holder; None when nothing followed."""
    after = next((event for event in history.lives[claim.task_id] if event.version > claim.version), None)
    return None if after is None else after.at - death.at


def takeover_times(history: History) -> list[float]:
    """Measure, in s, how long each claim that a dead process held waited for what followed."""
    waits = [_waited(history, claim, death) for claim, death in _abandoned(history)]
    return [waited.total_seconds() for waited in waits if waited is not None]
