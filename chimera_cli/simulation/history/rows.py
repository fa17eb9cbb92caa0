"""What a run leaves behind, row by row, as plain values. Said a second time on purpose: no noun of the swarm is trusted here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """A row of `events`: one status change of one task."""

    shard: int
    entry_id: str
    """Its id in the shard's stream of events."""
    seq: int
    """Order of recording, which within a goal is the order of happening."""
    at: datetime
    """By the clock of Redis, in whole milliseconds."""
    name: str
    task_id: str
    goal_id: str
    status: str
    """What the task became."""
    phase: str
    version: int
    generation: int
    attempts: int
    agent: str = ""
    output: Any = None
    changes: Sequence[Mapping[str, Any]] = ()
    """Committed writes: key, expected and value of each."""
    error: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A row of `tasks`."""

    id: str
    goal_id: str
    key: str
    kind: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    depends_on: Sequence[str] = ()
    max_retries: int = 3
    status: str
    phase: str = "propose"
    version: int
    generation: int = 0
    attempts: int = 0
    error: str = ""
    output: Any = None
    dispatched_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Goal:
    """A row of `goals`."""

    id: str
    text: str = ""
    status: str
    submitted: int
    finished: int = 0
    failed: int = 0
    cancelled: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class StateValue:
    """A row of `state`."""

    goal_id: str
    key: str
    value: Any
    version: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """A row of `cards`."""

    id: str
    task_id: str
    goal_id: str
    generation: int
    status: str
    content: Any = None
    payload: Mapping[str, Any] = field(default_factory=dict)
    judgement: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    reason: str = ""
    note: str = ""
    resumed_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditLine:
    """A row of `audit`."""

    seq: int
    at: datetime
    operator: str
    action: str
    card_id: str
    task_id: str
    digest: str
    reason: str
    prev_hash: str
    hash: str
    goal_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """A row of `orders`: what an operator wants of a goal or a task."""

    seq: int
    at: datetime
    action: str
    goal_id: str
    task_id: str = ""
    """Empty for the goal as a whole."""
    operator: str
    reason: str = ""
    done_at: datetime | None = None
    """When it was carried out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Post:
    """A row of `posts`, the local outbox."""

    idempotency_key: str
    platform: str
    post: Any
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class RedisKey:
    """A key that Redis holds for this swarm."""

    name: str
    shard: int | None
    """None for the fleet's keys, which belong to no shard."""
    suffix: str
    """What follows the hash tag, such as `out` or `t:<task id>`."""
    kind: str
    """string, hash, list, set, zset or stream."""
    size: int
    """Elements, or bytes of a string."""
    pending: int = 0
    """Entries of a stream that were delivered to somebody and not acknowledged."""
    consumers: int = 0
    """Consumers over all groups of a stream."""
    text: str = ""
    """What it holds, as one text."""
