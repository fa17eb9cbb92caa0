"""The event stream between queue and record: one stream a shard, read from its head, trimmed only behind the record."""

from typing import Any

from chimera_cli.adapters import redis_wire as wire
from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import RedisClient
from chimera_cli.adapters.redis_errors import redis_errors
from chimera_cli.adapters.scripts import Scripts
from chimera_cli.models.epoch import NO_EPOCHS, Epochs
from chimera_cli.models.event import TaskEvent

Entries = list[tuple[str, dict[str, str]]]
"""What XRANGE replies when replies are decoded, which redis-py's types do not know."""
PART = 50
"""Entries in one reply: results may be a megabyte each, and a thousand of them in one reply would be a gigabyte in memory, however
short those before them were."""
ENOUGH_CHARACTERS = 8_000_000
"""Characters of events that are read at once; what is left comes with the next read."""


class RedisEventStream:
    """Implements EventStreamPort."""

    def __init__(self, client: RedisClient, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._scripts = Scripts(client)

    @property
    def shards(self) -> int:
        """Number of streams."""
        return self._keys.shards

    async def read(self, shard: int, limit: int = 1000, *, after: str = "") -> tuple[list[TaskEvent], str]:
        """Return the oldest events and the id of the last entry read; entries that make no sense are left out."""
        events: list[TaskEvent] = []
        last, count, characters = after, 0, 0
        while count < limit and characters < ENOUGH_CHARACTERS:
            part = min(PART, limit - count)
            epoch, entries = await self._part(shard, f"({last}" if last else "-", part)
            events += [event for entry_id, fields in entries if (event := _event(shard, entry_id, fields, epoch))]
            last, count = entries[-1][0] if entries else last, count + len(entries)
            characters += sum(len(value) for _, fields in entries for value in fields.values())
            if len(entries) < part:
                break
        return events, last if count else ""

    async def trim(self, shard: int, last: str, *, recorded: str, epochs: Epochs = NO_EPOCHS) -> None:
        """Drop all events up to and including the entry id `last`, and note how far the record is."""
        epoch = epochs.get(shard, 0) if recorded else ""
        with redis_errors():
            await self._scripts.call("trim", self._keys.shard(shard), wire.after(last), recorded, epoch)

    async def _part(self, shard: int, first: str, count: int) -> tuple[int, Entries]:
        """Read entries, and the epoch of the Redis that holds them.

        Both go over one connection, so that one server answers, and the epoch comes first: if a new one begins in between, the
        events count as those of the old one, and the record refuses them.
        """
        tag = self._keys.shard(shard)
        pipe: Any = self._client.pipeline(transaction=False)
        pipe.get(f"{tag}:epoch")
        pipe.xrange(f"{tag}:out", min=first, count=count)
        with redis_errors():
            epoch, entries = await pipe.execute()
        return int(epoch) if str(epoch).isdecimal() else 0, entries


def _event(shard: int, entry_id: str, fields: dict[str, str], epoch: int) -> TaskEvent | None:
    try:
        return wire.decode_event(shard, entry_id, fields, epoch)
    except wire.UNREADABLE:
        return None
