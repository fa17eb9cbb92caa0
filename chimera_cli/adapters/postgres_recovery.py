"""The record as the reconciler reads it: under the lock, so that it stands still."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlmodel import select

from chimera_cli.adapters import postgres_recording as recording
from chimera_cli.adapters import postgres_turns as turns
from chimera_cli.adapters.postgres_errors import postgres_errors
from chimera_cli.adapters.recovery_rows import ShardRow
from chimera_cli.models.event import TaskEvent


class PostgresRecovery:
    """Implements ComparisonPort. The engine belongs to whoever made it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def comparing(self, *, wait: bool) -> AsyncIterator["PostgresComparison | None"]:
        """Keep others from dispatching and recording; None when somebody else is at it and `wait` is off."""
        with postgres_errors():
            async with self._engine.begin() as connection:
                if not await turns.hold(connection, wait=wait):
                    yield None
                else:
                    yield PostgresComparison(connection, await turns.number(connection))


class PostgresComparison:
    """Implements Comparison, within one transaction that holds the record's lock."""

    def __init__(self, connection: AsyncConnection, turn: int) -> None:
        self._connection = connection
        self.turn = turn

    async def reached(self, shard: int) -> str:
        """Return the id of the shard's newest recorded event, or an empty text."""
        columns = ShardRow.metadata.tables["shards"].c
        asked = select(columns.last_entry).where(columns.shard == shard)
        return str((await self._connection.execute(asked)).scalar_one_or_none() or "")

    async def record(self, events: Sequence[TaskEvent]) -> int:
        """Store events of one shard; returns how many were new."""
        return await recording.record(self._connection, events) if events else 0
