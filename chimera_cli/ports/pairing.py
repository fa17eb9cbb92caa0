"""Which record and which Redis belong together, as both stores keep it."""

from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Protocol

from chimera_cli.models.pairing import RecordIdentity, RedisHolding, RedisIdentity, Report


class RedisIdentityPort(Protocol):
    """The half in Redis. All may raise BackendUnavailable, and ConfigError when the server refuses us."""

    async def look(self) -> RedisHolding:
        """Read what Redis says of itself, in one call."""
        ...

    async def used(self) -> bool:
        """Tell whether it holds work of the namespace."""
        ...

    async def write(self, identity: RedisIdentity, *, mark: str) -> bool:
        """Write the identity if what stands there still has the mark; else write nothing and return False."""
        ...

    async def empty(self) -> None:
        """Forget all work of the namespace; nothing moves there until it is put together from a record. May be repeated."""
        ...


class PairingTransaction(Protocol):
    """The record's half while no other process can change it. What is written is there after a clean exit."""

    @property
    def record(self) -> RecordIdentity:
        """The identity as it stands now."""
        ...

    async def reports(self, within: timedelta) -> list[Report]:
        """List what processes reported within this time."""
        ...

    async def bind(self, redis: str, shards: int) -> None:
        """Note the address of the Redis that the record belongs to from now on."""
        ...

    async def emptied(self) -> None:
        """Note that its Redis was emptied."""
        ...

    async def move(self, identity: str, redis: str, shards: int, *, operator: str, reason: str) -> None:
        """Give the record another id and another Redis, which has to be emptied first; with a row in the audit."""
        ...


class RecordIdentityPort(Protocol):
    """The half in Postgres. All may raise BackendUnavailable, and ConfigError when the server refuses us."""

    async def read(self) -> RecordIdentity:
        """Read the identity."""
        ...

    async def reports(self, within: timedelta) -> list[Report]:
        """List what processes reported within this time."""
        ...

    def holding(self) -> AbstractAsyncContextManager[PairingTransaction]:
        """Keep others from changing the identity, and from dispatching and recording, while the context is open."""
        ...

    async def report(self, report: Report) -> str:
        """Keep what a live process sees, in place of its last report; returns the id of the record."""
        ...

    async def leave(self, process: str) -> None:
        """Forget a process that ends."""
        ...

    def expect(self, identity: str) -> None:
        """From now on refuse, in the transactions that dispatch and record, a database of another id."""
        ...

    @property
    def doubted(self) -> bool:
        """Whether one of them met another id since the last `expect`."""
        ...
