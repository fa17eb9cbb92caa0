"""What the queue reported, and the goal's state as the reports left it: rows, and the way to nouns and back."""

from datetime import UTC, datetime

from pydantic import JsonValue, TypeAdapter
from sqlalchemy import ForeignKey, Identity, Index, text

from chimera_cli.adapters.row import (
    Row,
    id_column,
    json_column,
    json_text,
    number_column,
    plain_texts,
    text_column,
    time_column,
)
from chimera_cli.models.event import TaskEvent
from chimera_cli.models.result import StateChange, VersionedValue
from chimera_cli.models.task import Phase, TaskStatus

CHANGES = TypeAdapter(tuple[StateChange, ...])
TEXTS = ("entry_id", "name", "task_id", "goal_id", "agent", "error")
"""Fields of an event that anything may stand in."""
BIGGEST = 2**63 - 1
"""Largest number that a column holds."""


class EventRow(Row, table=True):
    """One status change of one task. Shard and entry id make recording exactly-once."""

    __tablename__ = "events"
    __table_args__ = (
        Index("events_by_goal", "goal_id", "seq"),
        Index("events_by_task", "task_id", "seq"),
        Index("events_executed", "seq", postgresql_where=text("name = 'task.completed' AND phase = 'execute'")),
    )

    shard: int = number_column(primary_key=True, autoincrement=False)
    """The shard whose event stream held it."""
    entry_id: str = id_column(primary_key=True)
    """Its id in that stream."""
    seq: int = number_column(Identity())
    """Order of recording, which within a goal is the order of happening; with gaps."""
    at: datetime = time_column()
    """When it happened, by the clock of Redis."""
    name: str = text_column()
    """What happened."""
    task_id: str = id_column()
    """The task; no foreign key, because whatever stood in the stream is kept."""
    goal_id: str = id_column()
    """Its goal."""
    status: str = text_column()
    """The TaskStatus it had then."""
    phase: str = text_column()
    """The Phase it was in then."""
    version: int = number_column()
    """Number of status changes, this one included."""
    generation: int = number_column()
    """Number of claims."""
    attempts: int = number_column()
    """Attempts begun."""
    agent: str = text_column()
    """Who caused it."""
    output: JsonValue = json_column(nullable=True)
    """The result, where the event has one."""
    changes: list[dict[str, JsonValue]] = json_column()
    """Writes to the state that were committed with it."""
    error: str = text_column()
    """Why."""
    data: dict[str, JsonValue] = json_column()
    """The rest."""

    def noun(self) -> TaskEvent:
        """Return the event."""
        return TaskEvent(
            shard=self.shard,
            entry_id=self.entry_id,
            at=self.at,
            name=self.name,
            task_id=self.task_id,
            goal_id=self.goal_id,
            status=TaskStatus(self.status),
            phase=Phase(self.phase),
            version=self.version,
            generation=self.generation,
            attempts=self.attempts,
            agent=self.agent,
            output=self.output,
            changes=CHANGES.validate_python(self.changes),
            error=self.error,
            data=self.data,
        )


class StateRow(Row, table=True):
    """One versioned value of a goal."""

    __tablename__ = "state"

    goal_id: str = id_column(ForeignKey("goals.id"), primary_key=True)
    """The goal."""
    key: str = text_column(primary_key=True)
    """Name of the value."""
    value: JsonValue = json_column(nullable=True)
    """The value."""
    version: int = number_column()
    """Committed effects on the key."""
    updated_at: datetime = time_column()
    """When the last of them was committed."""

    def noun(self) -> VersionedValue:
        """Return value and version."""
        return VersionedValue(value=self.value, version=self.version)


def event_values(event: TaskEvent) -> dict[str, object] | None:
    """Return the columns of an event, named as its fields, or None when they could not be stored: no swarm made such a one."""
    numbers = (event.shard, event.version, event.generation, event.attempts, *[c.expected for c in event.changes])
    if not 0 <= min(numbers) <= max(numbers) < BIGGEST:
        return None
    try:
        output, data = json_text(event.output), json_text(dict(event.data)) if event.data else "{}"
        changes = json_text(CHANGES.dump_python(event.changes, mode="json")) if event.changes else "[]"
    except ValueError:
        return None
    return {
        **vars(event),
        **plain_texts(vars(event), TEXTS),
        "at": event.at if event.at.tzinfo else event.at.replace(tzinfo=UTC),
        "status": str(event.status),
        "phase": str(event.phase),
        "output": output,
        "changes": changes,
        "data": data,
    }
