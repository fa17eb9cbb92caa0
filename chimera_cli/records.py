"""Settings become an open database, and the record alone for commands that only look: they neither load nor need Redis."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncEngine

from chimera_cli.adapters.postgres_engine import check_schema, open_engine
from chimera_cli.adapters.postgres_orders import PostgresOrders
from chimera_cli.adapters.postgres_reads import PostgresReads
from chimera_cli.adapters.postgres_review import PostgresReview
from chimera_cli.config import Settings
from chimera_cli.exceptions import BackendUnavailable
from chimera_cli.services.records import Records

READY_WITHIN_S = 3.0
"""Longest time that a start-up check may take, in s."""


@asynccontextmanager
async def open_records(settings: Settings) -> AsyncIterator[Records]:
    """Open the record to look at and close it at the end.

    Raises:
        ConfigError, BackendUnavailable, SchemaOutdated: As `open_database`.
    """
    async with open_database(settings) as engine:
        yield Records(record=PostgresReads(engine), reviews=PostgresReview(engine), orders=PostgresOrders(engine))


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """Open Postgres, check that it fits, and close it at the end.

    Raises:
        ConfigError: It refuses us.
        BackendUnavailable: It is away.
        SchemaOutdated: It has another release's schema.
    """
    engine = open_engine(settings.database_url.get_secret_value())
    try:
        await in_time(check_schema(engine), "Postgres")
        yield engine
    finally:
        await engine.dispose()


async def in_time(check: Coroutine[None, None, None], backend: str) -> None:
    """Run a start-up check.

    Raises:
        BackendUnavailable: The server is away, or there but mute.
    """
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            await check
    except TimeoutError:
        raise BackendUnavailable(backend, f"no answer within {READY_WITHIN_S:g} s") from None
