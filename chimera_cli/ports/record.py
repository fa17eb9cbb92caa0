"""What is kept for ever of goals, tasks and their events."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Protocol

from pydantic import Field

from chimera_cli.models.away import NONE_AWAY, Away
from chimera_cli.models.delivery import Dispatch, Lease
from chimera_cli.models.epoch import Epochs
from chimera_cli.models.event import TaskEvent
from chimera_cli.models.goal import Goal
from chimera_cli.models.noun import Noun
from chimera_cli.models.task import TaskSpec
from chimera_cli.ports.reads import ReadsPort


class Recorded(Noun):
    """What a batch of events changed in the record."""

    new: int
    """Events that were not recorded before."""
    reached: str = ""
    """Id of the newest event of the shard that is recorded, of this batch or an earlier one; empty when the batch was."""
    epochs: Epochs = Field(default_factory=dict)
    """The epoch of each shard when they were recorded; a Redis of another epoch forgets and trims nothing."""
    turn: int = 0
    """Turn of whoever recorded them; the queue forgets nothing under an older turn than it has seen."""
    ended_tasks: tuple[tuple[str, str], ...] = ()
    """(goal id, task id) of tasks that the batch shows as ended, known before or not, so that forgetting is repeated after
    a crash."""
    ended_goals: tuple[Goal, ...] = ()
    """Goals of those tasks that are terminal now, known before or not, for the same reason."""


class Chores(Noun):
    """What housekeeping may find to do in the record; more than there is, perhaps, and never less."""

    orders: bool
    """Operators' orders that are not carried out yet."""
    tasks: bool
    """Tasks that are not in the queue yet."""
    overdue: bool
    """Review cards whose time to be decided is over."""
    decisions: bool
    """Decisions that are not carried out yet."""
    sweep: bool = False
    """A page of the sweep that is due."""
    at: datetime | None = None
    """When that was looked for, by the record's clock."""


class RecordPort(ReadsPort, Protocol):
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

    async def chores(self, *, older_than: timedelta | None) -> Chores:
        """Look what there is to do, without waiting for anybody: cheap, for every process asks all the time.

        Args:
            older_than: Age at which PENDING cards expire; None for never.
        """
        ...

    def dispatching(self, limit: int = 500, *, away: Away = NONE_AWAY) -> AbstractAsyncContextManager[list[Dispatch]]:
        """Hand out persisted tasks that are not in the queue yet, oldest first, and mark them dispatched on a clean exit.

        Tasks of shards that are away are left out. While the context is open nothing is recorded, so the dependencies' statuses
        stay true. An error inside marks nothing; the tasks are handed out again.
        """
        ...

    async def record(self, events: Sequence[TaskEvent], *, wait: bool = True) -> Recorded | None:
        """Store events of one shard exactly once, in order, and bring goals, tasks, state and review cards up to them, in one
        transaction. With `wait` off it is left to others, and None is returned, when somebody has the lock.

        Raises:
            StaleEpoch: They were read from a Redis of another epoch than the current one; nothing was stored.
        """
        ...

    async def epochs(self) -> Epochs:
        """Return the current epoch of each shard; what is ordered in Redis carries it, and is read from the record before."""
        ...

    async def probe_effects(self) -> None:
        """Try whether an effect would be stored now, and leave nothing behind.

        Raises:
            SwarmError: It would not: the store is away, or refuses.
        """
        ...

    async def demand_live(self, lease: Lease) -> None:
        """Make sure that what was claimed was claimed from the Redis that counts, and has not ended in the record: who writes to
        Redis can put an old task back there, with its signed approval.

        Raises:
            StaleEpoch: Another one took over since.
            HandlerError: It has ended.
        """
        ...

    async def turn(self) -> int:
        """Take a turn, for an order to the queue that follows from what was just written."""
        ...

    async def replan(self, goal_id: str, replans: int, tasks: Sequence[TaskSpec]) -> bool:
        """Replace the failed tasks of a REPLANNING goal that was replanned `replans` times: add tasks, make it ACTIVE, count
        the replan. False, and nothing changed, when somebody was first. No tasks: the goal becomes FAILED. Never refused for
        want of room: the goal was accepted."""
        ...
