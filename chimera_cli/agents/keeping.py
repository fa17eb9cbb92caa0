"""How the leases of a process's runs are kept: by a keeper outside of the event loop, and by the loop where the keeper does not."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol, TypeVar

from chimera_cli.agents.runs import Runs
from chimera_cli.models.delivery import Lease
from chimera_cli.ports.keeper import LeaseKeeperPort
from chimera_cli.ports.queue import TaskQueuePort

T = TypeVar("T")


class Attempt(Protocol):
    """Makes a call that must not end the process; see `Outages.attempt`."""

    def __call__(self, loop: str, call: Callable[[], Awaitable[T]], default: T) -> Awaitable[T]:
        """Return what the call returns, or the default when it fails."""
        ...


class Keeping:
    """One round a beat."""

    def __init__(self, runs: Runs, keeper: LeaseKeeperPort, queue: TaskQueuePort, attempt: Attempt) -> None:
        self._runs, self._keeper, self._queue, self._attempt = runs, keeper, queue, attempt

    async def round(self) -> None:
        """Prolong what the keeper did not, and end the runs whose leases are lost."""
        self._runs.recover()
        for lost in [*self._keeper.lost(), *await self._prolong()]:
            self._runs.lose(lost)
        await self._attempt("keeper", self._keeper.mend, None)

    async def _prolong(self) -> list[Lease]:
        leases = [lease for lease in self._runs.leases() if not self._keeper.keeps(lease)]
        none: list[Lease] = []
        if not leases:
            return none
        # Under the beats' name: a loop that is idle once its work is done would never tell that the server is back.
        return await self._attempt("beats", partial(self._queue.extend, leases), none)
