"""Goals and tasks as they are stored, and the way from row to noun and back."""

from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, text

from chimera_cli.adapters.row import (
    LIVE,
    Row,
    flag_column,
    id_column,
    json_column,
    json_text,
    number_column,
    plain,
    text_column,
    time_column,
)
from chimera_cli.models.goal import Goal, GoalStatus
from chimera_cli.models.identity import task_id
from chimera_cli.models.persona import Persona
from chimera_cli.models.plan import LATEST
from chimera_cli.models.task import Phase, Priority, Task, TaskSpec, TaskStatus


class GoalRow(Row, table=True):
    """A goal with its running totals."""

    __tablename__ = "goals"
    __table_args__ = (Index("goals_by_age", "created_at", "id"),)

    id: str = id_column(primary_key=True)
    """Id of the goal."""
    text: str = text_column()
    """The wish."""
    status: str = text_column()
    """A GoalStatus."""
    persona: dict[str, JsonValue] | None = json_column(nullable=True)
    """A Persona; NULL for no one's voice."""
    max_replans: int = number_column()
    """How often failed tasks may be replaced."""
    replans: int = number_column(server_default="0")
    """How often they were."""
    submitted: int = number_column(server_default="0")
    """Tasks accepted."""
    finished: int = number_column(server_default="0")
    """Tasks COMPLETED."""
    failed: int = number_column(server_default="0")
    """Tasks FAILED or REJECTED."""
    cancelled: int = number_column(server_default="0")
    """Tasks CANCELLED."""
    forgiven: int = number_column(server_default="0")
    """Bad ends that replans have replaced; more than these, and the goal is not COMPLETED."""
    created_at: datetime = time_column()
    """When it was submitted."""
    finished_at: datetime | None = time_column(nullable=True)
    """When it reached a terminal status; NULL before."""
    paused_at: datetime | None = time_column(nullable=True)
    """Since when nothing of it starts; NULL when it is not paused."""
    paused_by: str = text_column(server_default="")
    """Who paused it."""
    cancelled_at: datetime | None = time_column(nullable=True)
    """When it was ordered to be cancelled; NULL when it never was."""
    cancelled_by: str = text_column(server_default="")
    """Who ordered it."""
    ordered: int = number_column(server_default="0")
    """Number of the last order about it as a whole."""

    def noun(self, counts: dict[TaskStatus, int]) -> Goal:
        """Return the goal with the given counts of its tasks."""
        return Goal(
            id=self.id,
            text=self.text,
            status=GoalStatus(self.status),
            persona=persona_of(self.persona),
            max_replans=self.max_replans,
            replans=self.replans,
            counts=counts,
            created_at=self.created_at,
            finished_at=self.finished_at,
            paused_at=self.paused_at,
            paused_by=self.paused_by,
            cancelled_at=self.cancelled_at,
            cancelled_by=self.cancelled_by,
            ordered=self.ordered,
        )


class TaskRow(Row, table=True):
    """A task as the last recorded event left it."""

    __tablename__ = "tasks"
    __table_args__ = (
        CheckConstraint(f"deadline BETWEEN TIMESTAMPTZ '1970-01-01Z' AND TIMESTAMPTZ '{LATEST}'", "tasks_deadline"),
        Index("tasks_by_position", "position", unique=True),
        Index("tasks_by_goal", "goal_id", "position"),
        Index("tasks_live_by_goal", "goal_id", postgresql_where=text(LIVE)),
        Index("tasks_undispatched", "position", postgresql_where=text(f"dispatched_at IS NULL AND {LIVE}")),
        Index("tasks_live", "position", postgresql_where=text(f"dispatched_at IS NOT NULL AND {LIVE}")),
        Index(
            "tasks_to_execute",
            "position",
            postgresql_where=text("status IN ('DELAYED', 'APPROVED') AND phase = 'execute'"),
        ),
    )

    id: str = id_column(primary_key=True)
    """Id of the task."""
    goal_id: str = id_column(ForeignKey("goals.id"))
    """Its goal."""
    position: int = number_column(Identity())
    """Its place in the order of submission over all goals."""
    key: str = text_column()
    """Its name inside the goal."""
    kind: str = text_column()
    """Which handler does it."""
    title: str = text_column()
    """One line for people."""
    payload: dict[str, JsonValue] = json_column()
    """Arguments for the handler."""
    depends_on: list[str] = json_column()
    """Keys of the tasks that must be COMPLETED first."""
    priority: str = text_column()
    """A Priority."""
    deadline: datetime | None = time_column(nullable=True)
    """When it fails if it is not done; NULL for never."""
    max_retries: int = number_column()
    """Failed attempts that are followed by another."""
    status: str = text_column()
    """A TaskStatus."""
    phase: str = text_column()
    """A Phase."""
    version: int = number_column(server_default="0")
    """Number of status changes so far."""
    generation: int = number_column(server_default="0")
    """Number of claims so far."""
    attempts: int = number_column(server_default="0")
    """Attempts begun."""
    error: str = text_column(server_default="")
    """Why it is delayed, failed, rejected or cancelled."""
    output: JsonValue = json_column(nullable=True)
    """What its last phase returned."""
    agent: str = text_column(server_default="")
    """Who touched it last."""
    created_at: datetime = time_column()
    """When it was submitted."""
    updated_at: datetime = time_column()
    """When its status last changed."""
    dispatched_at: datetime | None = time_column(nullable=True)
    """When it was put into the queue; NULL before."""
    forgiven: bool = flag_column(server_default="false")
    """Whether a replan has replaced its bad end."""

    def noun(self) -> Task:
        """Return the task."""
        return Task(
            id=self.id,
            goal_id=self.goal_id,
            key=self.key,
            kind=self.kind,
            title=self.title,
            payload=self.payload,
            depends_on=tuple(self.depends_on),
            priority=Priority(self.priority),
            deadline=self.deadline,
            max_retries=self.max_retries,
            status=TaskStatus(self.status),
            phase=Phase(self.phase),
            version=self.version,
            generation=self.generation,
            attempts=self.attempts,
            error=self.error,
            output=self.output,
            agent=self.agent,
            created_at=self.created_at,
            updated_at=self.updated_at,
        )


def task_values(spec: TaskSpec, goal_id: str, now: datetime) -> dict[str, object]:
    """Return the columns of a new task; the rest have defaults."""
    return {
        "id": task_id(goal_id, spec.key),
        "goal_id": goal_id,
        "key": spec.key,
        "kind": spec.kind,
        "title": plain(spec.title),
        "payload": json_text(spec.payload),
        "depends_on": json_text(spec.depends_on),
        "priority": spec.priority.value,
        "deadline": spec.deadline,
        "max_retries": spec.max_retries,
        "created_at": now,
    }


def persona_of(stored: dict[str, JsonValue] | None) -> Persona | None:
    """Return a stored persona, if there is one."""
    return None if stored is None else Persona.model_validate(stored)
