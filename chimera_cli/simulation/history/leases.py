"""Invariant 1: one live lease a task, a higher generation a claim, and no answer under an older one."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise

from chimera_cli.simulation.history.history import ENDS, History
from chimera_cli.simulation.history.rows import Event
from chimera_cli.simulation.history.violation import Flaw, Terms

ROUNDING = timedelta(milliseconds=1)
"""Events are stamped in whole milliseconds."""
ANSWERS = frozenset(
    {"task.given_back", "task.delayed", "task.judging", "task.conflicted", "task.completed", "task.approved"}
)
"""What only the holder of a running task's lease may say."""
JUDGED = frozenset({"task.held", "task.approved", "task.revised"})
"""What only the holder of a judge's lease may say of a result that waits for judgement."""


def one_live_lease(history: History, terms: Terms) -> Iterator[Flaw]:
    """Find claims that did not raise the generation, leases that overlap, and answers under an older claim."""
    for task_id, events in history.lives.items():
        for text in (*_generations(events), *_overlaps(events), *_answers(events), *_robberies(events, terms)):
            yield history.called(task_id), text


def _generations(events: Sequence[Event]) -> Iterator[str]:
    highest = 0
    for event in events:
        if event.generation < highest:
            yield f"{event.name} (version {event.version}) is of generation {event.generation}, after {highest}"
        elif event.name == "task.started" and event.generation == highest:
            yield f"was claimed twice under generation {highest}"
        highest = max(highest, event.generation)


def _overlaps(events: Sequence[Event]) -> Iterator[str]:
    for event, after in pairwise(events):
        if event.name == after.name == "task.started":
            yield f"was claimed by {after.agent} while {event.agent} held it (generation {event.generation})"


def _answers(events: Sequence[Event]) -> Iterator[str]:
    for event, answer in pairwise(events):
        if event.name == "task.started" and answer.name in ANSWERS:
            if (answer.agent, answer.generation) != (event.agent, event.generation):
                yield f"{answer.name} came from {_claim(answer)}, not from the live claim, {_claim(event)}"
        if event.status == "JUDGING" and answer.name in JUDGED and answer.generation <= event.generation:
            yield f"{answer.name} came from {_claim(answer)}, and no judge had claimed the result"


def _claim(event: Event) -> str:
    return f"{event.agent or 'nobody'} in generation {event.generation}"


def _robberies(events: Sequence[Event], terms: Terms) -> Iterator[str]:
    """A lease that was taken over before it can have run out was still live."""
    lease = terms.timing.lease
    for event, after in pairwise(events):
        if lease is None or event.name != "task.started" or "expired" not in after.error:
            continue
        held = after.at - event.at
        if after.name == "task.taken_over" and after.status not in ENDS and held < lease - ROUNDING:
            yield f"was taken over {held.total_seconds():.2f} s after its claim; a lease is {lease.total_seconds():g} s"
