"""What is kept for ever of goals, tasks and their events."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from chimera_cli.models.delivery import Dispatch
from chimera_cli.models.event import TaskEvent
from chimera_cli.models.goal import Goal, GoalStatus, Ledger
from chimera_cli.models.noun import Noun
from chimera_cli.models.recovery import Recovery
from chimera_cli.models.result import VersionedValue
from chimera_cli.models.task import Task, TaskSpec, TaskStatus


class Recorded(Noun):
    """What a batch of events changed in the record."""

    new: int
    """Events that were not recorded before."""
    turn: int = 0
    """Turn of whoever recorded them; the queue forgets nothing under an older turn than it has seen."""
    ended_tasks: tuple[tuple[str, str], ...] = ()
    """(goal id, task id) of tasks that the batch shows as ended, known before or not, so that forgetting is repeated after
    a crash."""
    ended_goals: tuple[Goal, ...] = ()
    """Goals of those tasks that are terminal now, known before or not, for the same reason."""


class RecordPort(Protocol):
    """Writers to one shard's record take turns (a lock in the database); readers never wait. All may raise BackendUnavailable,
    after which a write happened wholly or not at all."""

    async def submit(self, goal: Goal, tasks: Iterable[TaskSpec]) -> bool:
        """Store a goal with all its tasks in one transaction, streaming; False, and nothing stored, when its id is known.

        Raises:
            QueueFull: More tasks than the limit would wait for their first run, by the record's knowledge, which is behind the
                queue's by some tenths of a second. However many submit at once, their accepted tasks are never more than it.
        """
        ...

    async def check_room(self) -> None:
        """Find out whether one more task would be accepted now; no promise for later.

        Raises:
            QueueFull: It would not.
        """
        ...

    async def add_tasks(self, goal_id: str, tasks: Sequence[TaskSpec]) -> list[str]:
        """Store more tasks for a live goal and return the ids of all given; a known key is left as it is.

        Raises:
            NotFound: No such goal.
            WrongState: The goal takes no more tasks.
            QueueFull: As for `submit`.
        """
        ...

    def dispatching(self, limit: int = 500) -> AbstractAsyncContextManager[list[Dispatch]]:
        """Hand out persisted tasks that are not in the queue yet, oldest first, and mark them dispatched on a clean exit.

        While the context is open nothing is recorded, so the dependencies' statuses stay true. An error inside marks nothing;
        the tasks are handed out again.
        """
        ...

    async def record(self, events: Sequence[TaskEvent]) -> Recorded:
        """Store events of one shard exactly once, in order, and bring goals, tasks, state and review cards up to them, in one
        transaction."""
        ...

    async def turn(self) -> int:
        """Take a turn, for an order to the queue that follows from what was just written."""
        ...

    async def replan(self, goal_id: str, replans: int, tasks: Sequence[TaskSpec]) -> bool:
        """Replace the failed tasks of a REPLANNING goal that was replanned `replans` times: add tasks, make it ACTIVE, count
        the replan. False, and nothing changed, when somebody was first. No tasks: the goal becomes FAILED. Never refused for
        want of room: the goal was accepted."""
        ...

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
