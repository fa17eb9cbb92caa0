"""What a process claims: as much as it has free hands for, or one task that must be alone.

A task whose agents have vanished too often is claimed by a process with nothing else in hand, which takes nothing else until
it has ended. So whatever it does to the process, no other task is lost with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from chimera_cli.agents.runs import Runs
from chimera_cli.models.delivery import Delivery, Malformed, Stage
from chimera_cli.ports.queue import TaskQueuePort


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a process claims."""

    stage: Stage
    """Tasks or results."""
    kinds: Sequence[str]
    """Of these kinds; empty means any."""
    process: str
    """Who claims."""
    may_execute: Callable[[], bool] = lambda: True
    """Whether approved effects are claimed now; else they go on waiting."""


class Claims:
    """One process's way to its next work."""

    def __init__(self, queue: TaskQueuePort, runs: Runs, wanted: Wanted) -> None:
        self._queue, self._runs = queue, runs
        self._stage, self._kinds, self._process = wanted.stage, wanted.kinds, wanted.process
        self._may_execute = wanted.may_execute
        self._alone = False
        self._resting = False

    @property
    def closed(self) -> bool:
        """Whether nothing may be claimed before what is in hand has ended."""
        return (self._alone or self._resting) and len(self._runs) > 0

    async def take(self, free: Sequence[str], *, patience: timedelta = timedelta(0)) -> list[Delivery | Malformed]:
        """Claim for agents with free hands, when a bell rings or `patience` is over. One that must be alone comes first, but never
        twice in a row while others wait."""
        rested, self._resting = self._resting, False
        if len(self._runs):
            return await self._several(free, patience=patience)
        if self._alone:
            return await self._several(free) or await self._single(free[0])
        if rested:  # For one that waits, on whichever shard.
            return await self._single(free[0]) or await self._several(free, patience=patience)
        return await self._several(free, idle=True, patience=patience)

    async def look(self) -> None:
        """Find out whether this process should come to rest; it is asked for again and again while it should."""
        busy = len(self._runs) > 0 and not self._alone
        self._resting = busy and await self._must_rest()

    async def _must_rest(self) -> bool:
        executes = self._may_execute()
        return await self._queue.must_rest(self._stage, self._process, kinds=self._kinds, executes=executes)

    async def _several(
        self, free: Sequence[str], *, idle: bool = False, patience: timedelta = timedelta(0)
    ) -> list[Delivery | Malformed]:
        claimed = await self._queue.pop_tasks(
            self._stage, free, kinds=self._kinds, executes=self._may_execute(), idle=idle, patience=patience
        )
        self._alone = claimed[0].alone if claimed else self._alone
        return claimed

    async def _single(self, agent: str) -> list[Delivery | Malformed]:
        suspect = await self._queue.pop_suspect(self._stage, agent, kinds=self._kinds, executes=self._may_execute())
        self._alone = suspect is not None
        return [] if suspect is None else [suspect]
