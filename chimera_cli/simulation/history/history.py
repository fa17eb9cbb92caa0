"""The history of a run as one value: the rows of both stores, and what is known from outside of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from chimera_cli.simulation.history.rows import AuditLine, Card, Event, Goal, Order, Post, RedisKey, StateValue, Task

ENDS = frozenset({"COMPLETED", "REJECTED", "FAILED", "CANCELLED"})
"""Statuses that nothing but an operator's order leaves."""

MADE_UP = ("dispatched", "restored", "decisions")
"""Columns of a recovery that count what Redis did not know, or knew otherwise."""
Effect = tuple[str, str, str]
"""Task id, phase and idempotency key of an effect that a handler noted outside of both stores."""
Sink = tuple[str, str]
"""Name and text of something that was written, to be searched for secrets."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Death:
    """A process that ended without giving its work back."""

    at: datetime
    """When, by the clock of the machine that Redis runs on."""
    agents: frozenset[str]
    """Ids of its agents."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """The policy of the run, as far as times of events can show it. What is None is not checked."""

    lease: timedelta | None = None
    """How long a claim held without a beat."""
    retry_base: timedelta | None = None
    """Delay after the first failure; it doubles."""
    retry_longest: timedelta | None = None
    """Longest delay."""
    slack: timedelta = timedelta(seconds=1)
    """How long after the end of a lease a task may wait to be taken over, the stalls of the machine included."""


@dataclass(frozen=True, kw_only=True)
class History:
    """Everything that is known of a run."""

    events: tuple[Event, ...] = ()
    """In the order of recording."""
    tasks: tuple[Task, ...] = ()
    goals: tuple[Goal, ...] = ()
    state: tuple[StateValue, ...] = ()
    cards: tuple[Card, ...] = ()
    audit: tuple[AuditLine, ...] = ()
    orders: tuple[Order, ...] = ()
    posts: tuple[Post, ...] = ()
    recoveries: tuple[Mapping[str, Any], ...] = ()
    """Losses of Redis that were mended from the record; empty also when the schema knows none."""
    shards: int = 1
    """Number of shards that the swarm is cut into."""
    keys: tuple[RedisKey, ...] = ()
    """What Redis holds, read after Postgres."""
    effects: tuple[Effect, ...] = ()
    """Effects that handlers noted elsewhere, repeats included."""
    deaths: tuple[Death, ...] = ()
    """Processes that were killed."""
    sinks: tuple[Sink, ...] = ()
    """What else was written: logs, command lines, answers."""
    secrets: tuple[str, ...] = ()
    """What must stand nowhere."""

    @cached_property
    def lives(self) -> Mapping[str, tuple[Event, ...]]:
        """The events of each task in the order of recording, by the task's id."""
        return {key: tuple(found) for key, found in _grouped(self.events).items()}

    @cached_property
    def by_id(self) -> Mapping[str, Task]:
        """The tasks by id."""
        return {task.id: task for task in self.tasks}

    @cached_property
    def lost_events(self) -> bool:
        """Whether Redis came back behind the record at some time: then events that were never recorded are gone."""
        return any(
            recovery.get("cause") != "restarted" or any(recovery.get(count) for count in MADE_UP)
            for recovery in self.recoveries
        )

    def called(self, task_id: str) -> str:
        """Name a task for people: its key and the beginning of its id."""
        task = self.by_id.get(task_id)
        return f"task {task.key} ({task_id[:8]})" if task else f"task {task_id}"


def _grouped(events: Iterable[Event]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for event in events:
        found.setdefault(event.task_id, []).append(event)
    return found
