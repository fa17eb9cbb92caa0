"""The events on their way from the queue to the record."""

from typing import Protocol

from chimera_cli.models.epoch import NO_EPOCHS, Epochs
from chimera_cli.models.event import TaskEvent


class EventStreamPort(Protocol):
    """At-least-once: events stay until they are trimmed, so a reader that dies repeats them. All may raise BackendUnavailable."""

    @property
    def shards(self) -> int:
        """Number of streams, counted from 0."""
        ...

    async def read(self, shard: int, limit: int = 1000, *, after: str = "") -> tuple[list[TaskEvent], str]:
        """Return the oldest events of a shard in order, those behind the place `after` if one is given, and the place up to
        which was read ("" when there was nothing).

        Each event names the epoch of the Redis from which it was read. Entries that somebody wrote by hand and that make no sense
        are left out, and trimmed with the rest.
        """
        ...

    async def trim(self, shard: int, last: str, *, recorded: str, epochs: Epochs = NO_EPOCHS) -> None:
        """Drop all events up to and including the place `last`; call it only after they are recorded.

        `recorded`, the id of the newest event that the record has of the shard, is noted, so that a record that was put back is
        found out; an empty one leaves the note as it is.

        Raises:
            StaleEpoch: The shard's epoch when they were recorded is not that of the Redis that was reached; nothing was dropped.
        """
        ...
