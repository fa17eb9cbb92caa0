"""Comparing Redis with the record after an interruption, and making up for what Redis has lost."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Protocol

from chimera_cli.models.delivery import Dispatch
from chimera_cli.models.epoch import ShardRecord
from chimera_cli.models.event import TaskEvent
from chimera_cli.models.recovery import Mandate, Mark, Pause, Recovery, Survey
from chimera_cli.models.standing import StillTasks


class RecoveryPort(Protocol):
    """The queue's half. While nobody vouches for a shard nothing in it changes but by these methods. Each is atomic a call of at
    most some hundred things, may be repeated, and raises BackendUnavailable, having changed nothing, when Redis is away or the
    mandate is void."""

    async def survey(self, shard: int, *, turn: int = 0, record: ShardRecord = ...) -> Survey:
        """Look at a shard; with a turn, make void what began under an older one.

        With what the record knows of it besides, a shard that had told the record more is not vouched for any longer.
        """
        ...

    async def versions(self, shard: int, task_ids: Sequence[str]) -> list[int]:
        """Return the number of status changes of each task; -1 for one that is unknown."""
        ...

    async def rebuild(self, mandate: Mandate, *, recorded: str) -> None:
        """Note that the shard lacks some of its past, so that whoever comes after an interruption begins again.

        Its events go on above the newest recorded one, whose id is `recorded`.
        """
        ...

    async def wipe(self, mandate: Mandate) -> None:
        """Forget everything that the shard still holds, unrecorded events too; the ids of its events go on."""
        ...

    async def restore(self, mandate: Mandate, dispatches: Sequence[Dispatch]) -> int:
        """Put tasks where the record has them; returns how many were missing.

        What was RUNNING waits again, for another claim: an answer under the old one changes nothing.
        """
        ...

    async def vouch(self, mandate: Mandate, *, grace: timedelta, paused: Sequence[Pause] = ()) -> bool:
        """Let the shard go on in the mandate's epoch, with these goals paused; False when the mandate is void.

        For the time of the grace no lease is taken back, so that those who held one may prolong it.
        """
        ...

    async def depose(self, shard: int, run: str, epoch: int) -> None:
        """Have a shard stand still whose server, known by its run, was replaced: the record's epoch is above its own. Connections
        to it are given up as soon as they are idle, so that the next ones may lead to the server that took over."""
        ...


class Comparison(Protocol):
    """The record as it stands while nobody else dispatches or records. All may raise BackendUnavailable."""

    @property
    def turn(self) -> int:
        """Turn of this comparison."""
        ...

    async def known(self, shard: int) -> ShardRecord:
        """Return what is known of a shard."""
        ...

    async def begin_epoch(self, shard: int, *, above: int, run: str) -> int:
        """Begin an epoch for a server run, above the current one and the given one; from the commit on, what comes from any other
        Redis is refused. Returns its number."""
        ...

    async def record(self, events: Sequence[TaskEvent]) -> None:
        """Store events of one shard."""
        ...

    def live(self, *, unheard: bool) -> AsyncIterator[Sequence[Mark]]:
        """Go through the live tasks, in the order of submission, page by page; with `unheard` through those only that were put
        into the queue and of which no event was recorded since."""
        ...

    async def still(self, task_ids: Sequence[str]) -> StillTasks:
        """Return those of these tasks that are live and in the queue, as they are now."""
        ...

    def dispatches(self, task_ids: Sequence[str]) -> AsyncIterator[list[Dispatch]]:
        """Go through these tasks with all that the queue needs to go on with them, as many at a time as fit into memory."""
        ...

    async def repeat_decisions(self) -> int:
        """Have decisions and orders carried out once more of which the record has not heard that they were; returns how many.

        To pause a goal, or to let it go on, is always repeated and not counted: it does no harm.
        """
        ...

    async def paused(self) -> list[Pause]:
        """List the goals that are paused."""
        ...

    async def note(self, recovery: Recovery) -> None:
        """Keep what was found and done."""
        ...


class ComparisonPort(Protocol):
    """The record's half."""

    async def known(self) -> Mapping[int, ShardRecord]:
        """Return what is known of the shards, without waiting for others. A shard of which nothing is known is absent."""
        ...

    async def note_use(self, shard: int, epoch: int) -> None:
        """Note that this process works with the Redis of a shard's current epoch; nothing is noted about another one."""
        ...

    def comparing(self, *, wait: bool) -> AbstractAsyncContextManager[Comparison | None]:
        """Keep others from dispatching and recording while the context is open; what is written is there after a clean exit.

        None, without waiting, when somebody else is at it and `wait` is off. May raise BackendUnavailable.
        """
        ...
