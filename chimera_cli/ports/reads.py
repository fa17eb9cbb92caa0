"""What the record answers when asked."""

from datetime import datetime
from typing import Protocol

from chimera_cli.models.effect import Effect
from chimera_cli.models.event import TaskEvent
from chimera_cli.models.goal import Goal, GoalStatus, Ledger
from chimera_cli.models.recovery import Recovery
from chimera_cli.models.result import VersionedValue
from chimera_cli.models.task import PlannedTask, Task, TaskStatus


class ReadsPort(Protocol):
    """Readers never wait for writers, and each answer is one snapshot. All may raise BackendUnavailable."""

    async def goal(self, goal_id: str) -> Goal:
        """Return a goal with its counts. Raises NotFound."""
        ...

    async def goals(self, *, status: GoalStatus | None = None, limit: int = 50) -> list[Goal]:
        """List goals, newest first; limit 0 means all."""
        ...

    async def paused(self) -> list[Goal]:
        """List the goals that are paused, the first paused first."""
        ...

    async def task(self, task_id: str) -> Task:
        """Return a task. Raises NotFound."""
        ...

    async def tasks(
        self, *, goal_id: str | None = None, status: TaskStatus | None = None, limit: int = 50
    ) -> list[Task]:
        """List tasks in the order they were submitted; limit 0 means all."""
        ...

    async def cancelled_effects(self, goal_id: str) -> dict[Effect, int]:
        """Count what is known of the effects of a goal's cancelled tasks."""
        ...

    async def plan(self, goal_id: str) -> list[PlannedTask]:
        """List all tasks of a goal in the order they were submitted, as far as a plan shows them."""
        ...

    async def keys(self, goal_id: str) -> list[str]:
        """List the keys of a goal's tasks."""
        ...

    async def history(self, *, goal_id: str, task_id: str | None = None, limit: int = 0) -> list[TaskEvent]:
        """List recorded events of a goal, or of one of its tasks, in order; limit 0 means all."""
        ...

    async def state(self, goal_id: str) -> dict[str, VersionedValue]:
        """Return the recorded state of a goal, by key."""
        ...

    async def ledger(self, goal_id: str | None = None) -> Ledger:
        """Count one goal's tasks, or all; `live` is counted from the tasks, the rest from the running totals, in one snapshot,
        so a lost task shows."""
        ...

    async def undispatched(self) -> int:
        """Count persisted tasks that are not in the queue yet."""
        ...

    async def recovery(self) -> Recovery | None:
        """Return what was found and done the last time Redis had been interrupted, if that was within a day, over all shards."""
        ...

    async def stuck(self) -> int:
        """Return how many live tasks the last sweep found in no place and could not put back."""
        ...

    async def unvouched(self, first: int = 200) -> list[str]:
        """List those of the first tasks waiting for their execution that were claimed and that no worker vouched for."""
        ...

    async def resolve(self, noun: str, prefix: str) -> str:
        """Return the one id of a `goal`, `task` or `review card` that starts with the prefix (4 or more characters, or a whole id).

        Raises:
            NotFound: None does.
            AmbiguousId: Several do.
        """
        ...

    async def now(self) -> datetime:
        """Return the clock of the store; proves that it answers."""
        ...
