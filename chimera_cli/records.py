"""Settings become an open database, and the record alone for commands that only look: they neither load nor need Redis."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from chimera_cli.adapters.namespaces import PUBLIC, Located, locate
from chimera_cli.adapters.postgres_engine import check_schema, open_engine
from chimera_cli.adapters.postgres_errors import postgres_errors
from chimera_cli.adapters.postgres_orders import PostgresOrders
from chimera_cli.adapters.postgres_posts import PostgresPosts
from chimera_cli.adapters.postgres_reads import PostgresReads
from chimera_cli.adapters.postgres_review import PostgresReview
from chimera_cli.adapters.schema import HEAD, upgrade
from chimera_cli.config import Settings
from chimera_cli.exceptions import BackendUnavailable, SchemaOutdated
from chimera_cli.models.telemetry import Level, TelemetryEvent
from chimera_cli.ports.telemetry import TelemetryPort
from chimera_cli.services.records import Records
from chimera_cli.services.vouching import Voucher

READY_WITHIN_S = 3.0
"""Longest time that a start-up check may take, in s."""
MADE_WITHIN_S = 60.0
"""Longest time that making a new namespace's schema may take, in s; others that make theirs are waited for."""

T = TypeVar("T")


@asynccontextmanager
async def open_records(settings: Settings, *, telemetry: TelemetryPort | None = None) -> AsyncIterator[Records]:
    """Open the record to look at and close it at the end.

    Raises:
        ConfigError, BackendUnavailable, SchemaOutdated: As `open_database`.
    """
    async with open_database(settings, telemetry=telemetry) as engine:
        reviews, orders, posts = PostgresReview(engine), PostgresOrders(engine), PostgresPosts(engine)
        yield Records(record=PostgresReads(engine), reviews=reviews, orders=orders, posts=posts)


@asynccontextmanager
async def open_database(settings: Settings, *, telemetry: TelemetryPort | None = None) -> AsyncIterator[AsyncEngine]:
    """Open the namespace's part of Postgres, check that it fits, and close it at the end.

    A namespace that is new to a database of this release is made, and that is said.

    Raises:
        ConfigError: It refuses us.
        BackendUnavailable: It is away.
        SchemaOutdated: It has another release's schema.
    """
    url = settings.database_url.get_secret_value()
    engine = open_engine(url)
    try:
        place = await in_time(_located(engine, settings.namespace), "Postgres")
        if place.to_be_made(HEAD):
            await in_time(_make(url, settings.namespace, telemetry), "Postgres", within_s=MADE_WITHIN_S)
        elif place.revision is None and place.first not in (None, HEAD):
            raise SchemaOutdated(place.first, HEAD)
        if place.schema != PUBLIC:
            await engine.dispose()
            engine = open_engine(url, schema=place.schema)
        await in_time(check_schema(engine), "Postgres")
        yield engine
    finally:
        await engine.dispose()


def voucher(settings: Settings) -> Voucher:
    """Make what signs and checks approvals."""
    return Voucher(settings.namespace, settings.approval_key.get_secret_value() if settings.approval_key else None)


async def schema_here(settings: Settings) -> str:
    """Name the schema with the namespace's tables, whether or not it is there.

    Raises:
        ConfigError: Postgres refuses us.
        BackendUnavailable: It is away.
    """
    engine = open_engine(settings.database_url.get_secret_value())
    try:
        return (await in_time(_located(engine, settings.namespace), "Postgres")).schema
    finally:
        await engine.dispose()


async def in_time(check: Coroutine[Any, Any, T], backend: str, *, within_s: float = READY_WITHIN_S) -> T:
    """Run a start-up check.

    Raises:
        BackendUnavailable: The server is away, or there but mute.
    """
    try:
        async with asyncio.timeout(within_s):
            return await check
    except TimeoutError:
        raise BackendUnavailable(backend, f"no answer within {within_s:g} s") from None


async def _located(engine: AsyncEngine, namespace: str) -> Located:
    with postgres_errors():
        async with engine.connect() as connection:
            return await connection.run_sync(locate, namespace)


async def _make(url: str, namespace: str, telemetry: TelemetryPort | None) -> None:
    made = await asyncio.to_thread(upgrade, url, namespace, claim=False)
    if telemetry is not None and made.before is None:
        message = f"namespace {namespace!r} is new to this database, its tables are in schema {made.schema}"
        fields = {"namespace": namespace, "schema": made.schema}
        telemetry.emit(
            TelemetryEvent(name="schema.made", level=Level.WARN, source="record", message=message, fields=fields)
        )
