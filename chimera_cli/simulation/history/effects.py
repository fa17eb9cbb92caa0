"""Invariant 2: at most one committed effect per task and phase, inside and outside."""

from collections import Counter
from collections.abc import Iterator, Sequence

from chimera_cli.simulation.history.history import ENDS, History
from chimera_cli.simulation.history.rows import Event
from chimera_cli.simulation.history.violation import Flaw, Terms

REVIVALS = frozenset({"task.retried"})
"""What begins a new life after an end: an operator's order."""
COMMITS = frozenset({"task.approved", "task.completed"})
"""Events with which writes to the state may be committed."""


def one_effect(history: History, terms: Terms) -> Iterator[Flaw]:
    """Find second ends, second commits of a phase, and outside effects that a receiver could not tell from new ones."""
    for task_id, events in history.lives.items():
        for life in lives_of(events):
            yield from ((history.called(task_id), text) for text in (*_ends(life), *_commits(life)))
    yield from _effects(history)
    yield from _posts(history)


def lives_of(events: Sequence[Event]) -> list[list[Event]]:
    """Cut a task's events where an operator brought it back after its end."""
    lives: list[list[Event]] = [[]]
    for event in events:
        if event.name in REVIVALS and lives[-1] and lives[-1][-1].status in ENDS:
            lives.append([])
        lives[-1].append(event)
    return lives


def _ends(life: Sequence[Event]) -> Iterator[str]:
    ended = ""
    for event in life:
        if ended:
            yield f"{event.name} (version {event.version}) came after it was {ended}"
        elif event.status in ENDS:
            ended = event.status


def _commits(life: Sequence[Event]) -> Iterator[str]:
    writing = [event for event in life if event.changes]
    for event in writing:
        if event.name not in COMMITS:
            yield f"{event.name} (version {event.version}) committed writes, which only its approval or its end may"
    phases = Counter(_phase(event) for event in writing)
    for phase, times in phases.items():
        if times > 1:
            yield f"the writes of its {phase} were committed {times} times"


def _phase(event: Event) -> str:
    """Tell which phase's writes an event committed: an approval always commits the proposal's, merged or not."""
    return "execution" if event.name == "task.completed" and event.phase == "execute" else "proposal"


def _effects(history: History) -> Iterator[Flaw]:
    """An effect may be repeated under its key, for execution is at-least-once; under another key it is a second one."""
    for task_id, phase, key in history.effects:
        if not f"{key}:".startswith(f"{task_id}:{phase}:"):
            yield history.called(task_id), f"its {phase} used the idempotency key {key}, which does not name it"


def _posts(history: History) -> Iterator[Flaw]:
    for key, times in Counter(post.idempotency_key for post in history.posts).items():
        if times > 1:
            yield f"post {key}", f"stands {times} times in the outbox"
    posted = {post.idempotency_key.partition(":")[0] for post in history.posts}
    for task in history.tasks:
        if task.kind == "content.publish" and task.status == "COMPLETED" and task.id not in posted:
            yield history.called(task.id), "is COMPLETED, and its post is not in the outbox"
