"""Invariant 5: a delayed retry waits its time, 2, 4, 8 s and so on, and no attempt is counted twice or beyond the limit."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise

from chimera_cli.simulation.history.effects import lives_of
from chimera_cli.simulation.history.history import History, Timing
from chimera_cli.simulation.history.rows import Event
from chimera_cli.simulation.history.violation import Flaw, Terms

ROUNDING = timedelta(milliseconds=1)
"""Events are stamped in whole milliseconds."""


def retries_wait(history: History, terms: Terms) -> Iterator[Flaw]:
    """Find retries that came back early, attempts that began without a claim, and failures beyond the limit.

    When Redis had lost events, it may have lost count of failures too: then delays and limit may begin anew.
    """
    for task_id, events in history.lives.items():
        task = history.by_id.get(task_id)
        for life in lives_of(events):
            problems = [*_attempts(life), *_delays(life, terms.timing, anew=history.lost_events)]
            most = max((number for _, number in _failures(life)), default=0)
            if task and most > task.max_retries and not history.lost_events:
                problems.append(f"was tried again after {most} failures; {task.max_retries} retries were allowed")
            yield from ((history.called(task_id), text) for text in problems)


def _attempts(life: Sequence[Event]) -> Iterator[str]:
    for event, after in pairwise(life):
        if after.attempts != event.attempts and (after.name != "task.started" or after.attempts != event.attempts + 1):
            yield f"{after.name} (version {after.version}) counts attempt {after.attempts} after {event.attempts}"


def _failures(life: Sequence[Event]) -> Iterator[tuple[int, int]]:
    """List the places in a life where a failed attempt was delayed, with the number of failures in its phase so far.

    Only a failure is followed by a claim that begins another attempt; a rate limit or an outage costs none.
    """
    failed = 0
    for place, event in enumerate(life):
        if place and event.phase != life[place - 1].phase and event.phase != "propose":
            failed = 0
        if event.name != "task.delayed":
            continue
        again = next((later for later in life[place + 1 :] if later.name == "task.started"), None)
        if again is not None and again.attempts > event.attempts:
            failed += 1
            yield place, failed


def _delays(life: Sequence[Event], timing: Timing, *, anew: bool) -> Iterator[str]:
    if timing.retry_base is None:
        return
    for place, number in _failures(life):
        event, after = life[place], life[place + 1]
        due = timing.retry_base * (1 if anew else 2 ** (number - 1))
        due = min(due, timing.retry_longest) if timing.retry_longest else due
        waited = after.at - event.at
        if waited < due - ROUNDING:
            yield f"came back {waited.total_seconds():.2f} s after failure {number}; {due.total_seconds():g} s were due"
