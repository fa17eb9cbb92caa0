"""The sweep's two halves: the record, which knows what should stand in the queue, and the queue, which shows where it stands."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from chimera_cli.models.standing import Standing, StillTasks


class SweepPort(Protocol):
    """The record's half. All may raise BackendUnavailable."""

    async def next_page(self, *, still_for: timedelta) -> StillTasks | None:
        """Return the live tasks of the next page that have not moved for so long; None when no page is due.

        A page is given to one process; the fleet together makes one round. It covers a fixed number of live tasks.
        """
        ...

    async def note_stuck(self, count: int) -> None:
        """Add to the number of tasks that this round found in no place and that were not put back."""
        ...


class StandingsPort(Protocol):
    """The queue's half. May raise BackendUnavailable."""

    async def inspect(self, page: StillTasks, *, mend: bool = False) -> Sequence[Standing]:
        """Tell how each task of the page stands, one atomic call a shard that holds some of them.

        With `mend`, which asks for the record's lock, what can be made anew in the queue is, and what is lost is cleared so that it
        can be put in again as an unknown task. A task that has moved since the page was read is left as it is.
        """
        ...
