"""The record's identity on Postgres, and what live processes report to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from chimera_cli.adapters import postgres_audit
from chimera_cli.adapters import postgres_turns as turns
from chimera_cli.adapters.postgres_errors import postgres_errors
from chimera_cli.adapters.row import plain
from chimera_cli.exceptions import ConfigError
from chimera_cli.models.pairing import RecordIdentity, Report

READ = "SELECT id, namespace, shards, redis, emptying, NOT EXISTS (SELECT FROM goals) AS empty FROM identity"
REPORTS = text("""
    SELECT process, role, address, run, identity FROM processes
    WHERE seen_at > clock_timestamp() - make_interval(secs => :within_s) ORDER BY process
""")
REPORT = text("""
    WITH swept AS (DELETE FROM processes WHERE seen_at < clock_timestamp() - interval '1 hour')
    INSERT INTO processes (process, role, address, run, identity) VALUES (:process, :role, :address, :run, :identity)
    ON CONFLICT (process) DO UPDATE SET role = excluded.role, address = excluded.address, run = excluded.run,
        identity = excluded.identity, seen_at = clock_timestamp()
    RETURNING (SELECT id FROM identity)
""")
BIND = text("UPDATE identity SET redis = :redis, shards = :shards, bound_at = clock_timestamp()")
EMPTIED = text("UPDATE identity SET emptying = false")
MOVE = text("""
    UPDATE identity SET id = :id, redis = :redis, shards = :shards, bound_at = clock_timestamp(), emptying = true
""")


class PostgresIdentity:
    """Implements RecordIdentityPort. The engine belongs to whoever made it."""

    def __init__(self, engine: AsyncEngine, address: str) -> None:
        self._expected = turns.Expected()
        self.engine = engine.execution_options(**{turns.EXPECTED: self._expected})
        """The same engine for those who dispatch and record: they refuse a database of another id."""
        self._address = address

    async def read(self) -> RecordIdentity:
        """Read the identity."""
        with postgres_errors():
            async with self.engine.connect() as connection:
                return await _read(connection, self._address)

    async def reports(self, within: timedelta) -> list[Report]:
        """List what processes reported within this time."""
        with postgres_errors():
            async with self.engine.connect() as connection:
                return await _reports(connection, within)

    @asynccontextmanager
    async def holding(self) -> AsyncIterator["PostgresPairing"]:
        """Keep others from changing the identity, and from dispatching and recording, while the context is open."""
        with postgres_errors():
            async with self.engine.begin() as connection:
                await turns.hold(connection)
                yield PostgresPairing(connection, await _read(connection, self._address))

    async def report(self, report: Report) -> str:
        """Keep what a live process sees, in place of its last report; returns the id of the record."""
        values = {name: plain(value) for name, value in report.model_dump().items()}
        with postgres_errors():
            async with self.engine.begin() as connection:
                found: str | None = (await connection.execute(REPORT, values)).scalar_one()
        self._expected.compare(found or "")
        return found or ""

    async def leave(self, process: str) -> None:
        """Forget a process that ends."""
        with postgres_errors():
            async with self.engine.begin() as connection:
                await connection.execute(text("DELETE FROM processes WHERE process = :process"), {"process": process})

    def expect(self, identity: str) -> None:
        """From now on refuse, in the transactions that dispatch and record, a database of another id."""
        self._expected.id, self._expected.doubted = identity, False

    @property
    def doubted(self) -> bool:
        """Whether one of them met another id since the last `expect`."""
        return self._expected.doubted


class PostgresPairing:
    """Implements PairingTransaction, within one transaction that holds the record's lock."""

    def __init__(self, connection: AsyncConnection, record: RecordIdentity) -> None:
        self._connection, self.record = connection, record

    async def reports(self, within: timedelta) -> list[Report]:
        """List what processes reported within this time."""
        return await _reports(self._connection, within)

    async def bind(self, redis: str, shards: int) -> None:
        """Note the address of the Redis that the record belongs to from now on."""
        await self._connection.execute(BIND, {"redis": redis, "shards": shards})

    async def emptied(self) -> None:
        """Note that its Redis was emptied."""
        await self._connection.execute(EMPTIED)

    async def move(self, identity: str, redis: str, shards: int, *, operator: str, reason: str) -> None:
        """Give the record another id and another Redis, which has to be emptied first; with a row in the audit."""
        await self._connection.execute(MOVE, {"id": identity, "redis": redis, "shards": shards})
        said: dict[str, Any] = {"card_id": "", "task_id": "", "digest": identity}
        await postgres_audit.append(self._connection, "adopt", operator=operator, reason=reason, **said)


async def _read(connection: AsyncConnection, address: str) -> RecordIdentity:
    row = (await connection.execute(text(READ))).one_or_none()
    if row is None:
        raise ConfigError(
            "the record has no identity: the row of the table `identity` is gone", hint="chimera db migrate"
        )
    return RecordIdentity(postgres=address, **row._mapping)


async def _reports(connection: AsyncConnection, within: timedelta) -> list[Report]:
    rows = await connection.execute(REPORTS, {"within_s": within.total_seconds()})
    return [Report(**row._mapping) for row in rows]
