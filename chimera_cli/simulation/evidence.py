"""What a simulation leaves behind, as one value: the checks read it, and nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from pydantic import JsonValue

from chimera_cli.models.event import TaskEvent
from chimera_cli.models.goal import Goal
from chimera_cli.models.review import ReviewCard
from chimera_cli.models.task import Task, TaskStatus
from chimera_cli.simulation.history.history import History


@dataclass(frozen=True, kw_only=True)
class Killed:
    """A worker process that was killed on purpose."""

    role: str
    """Its name."""
    at: datetime
    """When."""
    agents: frozenset[str]
    """Ids of its agents."""
    task_id: str
    """The task that one of them held."""


@dataclass(frozen=True, kw_only=True)
class HeldLook:
    """A look at the outbox while cards waited, just before somebody decided them."""

    held: tuple[str, ...]
    """Ids of the tasks whose results were held."""
    posted: tuple[str, ...]
    """Idempotency keys in the outbox."""


@dataclass(frozen=True, kw_only=True)
class ModelJournal:
    """What the stand-in model served."""

    served: int = 0
    """Good answers."""
    throttled: int = 0
    """Requests answered with 429."""
    malformed: int = 0
    """Answers cut in the middle of their JSON."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that is known at the end, read from the stores and from the processes."""

    goal: Goal
    """The goal."""
    tasks: Sequence[Task]
    """Its tasks."""
    events: Sequence[TaskEvent]
    """Its events, in order."""
    cards: Sequence[ReviewCard]
    """Its review cards, decided or not."""
    posts: Sequence[Mapping[str, JsonValue]]
    """The whole outbox."""
    history: History
    """What both stores hold, row by row."""
    operator: str
    """Who decided the cards."""
    lease: timedelta
    """How long a claim held."""
    stall: timedelta = timedelta()
    """Longest time that the machine let a process wait which had nothing to wait for."""
    journal: ModelJournal = ModelJournal()
    """What the model served."""
    killed: Killed | None = None
    """The worker that was killed."""
    looks: Sequence[HeldLook] = ()
    """Looks at the outbox while results were held."""
    exits: Mapping[str, int] = field(default_factory=dict)
    """Exit codes of the roles that were asked to end, by name."""

    @cached_property
    def by_id(self) -> Mapping[str, Task]:
        """The tasks by id."""
        return {task.id: task for task in self.tasks}

    @cached_property
    def histories(self) -> Mapping[str, list[TaskEvent]]:
        """The events of each task, in order, by the task's id."""
        found: dict[str, list[TaskEvent]] = {task.id: [] for task in self.tasks}
        for event in self.events:
            found.setdefault(event.task_id, []).append(event)
        return found

    def key(self, task_id: str) -> str:
        """Name a task for people."""
        return self.by_id[task_id].key if task_id in self.by_id else task_id

    def completed(self, task_id: str) -> bool:
        """Whether a task ended well."""
        return task_id in self.by_id and self.by_id[task_id].status is TaskStatus.COMPLETED
