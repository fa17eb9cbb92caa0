"""What `chimera doctor` asks of Postgres: whether it can do what the roles ask of it. A check is a function in a table."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from psycopg.errors import ReadOnlySqlTransaction
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from chimera_cli.adapters.health import clock_check, down, unknown
from chimera_cli.adapters.health_disk import free_for_postgres, space_check
from chimera_cli.adapters.health_rights import lacking_rights
from chimera_cli.adapters.health_session import prepared_check, settings_check
from chimera_cli.adapters.namespaces import Located, locate
from chimera_cli.adapters.postgres_engine import open_engine
from chimera_cli.adapters.postgres_errors import GRANTS_HINT, postgres_errors
from chimera_cli.adapters.schema import HEAD
from chimera_cli.exceptions import SwarmError
from chimera_cli.models.check import Check

INSERT = text("INSERT INTO goals (id, text, status, max_replans, created_at) VALUES (:id, '', 'ACTIVE', 0, now())")
"""A write as the roles do it; rolled back, so that nothing is left but its room in the table."""
CONNECTIONS = text("""
    SELECT CAST(current_setting('max_connections') AS integer) AS most,
           CAST(current_setting('superuser_reserved_connections') AS integer) AS reserved,
           CAST((SELECT sum(numbackends) FROM pg_stat_database) AS integer) AS used
""")
FOLDER = text("""
    SELECT (SELECT setting FROM pg_settings WHERE name = 'data_directory') AS folder,
           CAST(current_setting('port') AS integer) AS port,
           CAST(extract(epoch FROM pg_postmaster_start_time()) AS bigint) AS started
""")
A_PROCESS = 10
"""Connections that one process opens at most."""
MUCH = 0.8
"""Part of the connections in use from which on it is worth a look."""
FULL = "raise its max_connections, end what holds its connections, or put a pooler in front of it"


@dataclass(frozen=True)
class Database:
    """What the checks look at."""

    url: str
    """DATABASE_URL."""
    namespace: str
    """Whose tables they ask for."""
    engine: AsyncEngine
    """Connections whose transactions have the server's own search path."""

    async def place(self) -> Located:
        """Find the namespace's tables."""
        async with self.engine.connect() as connection:
            return await connection.run_sync(locate, self.namespace)


async def postgres_checks(url: str, namespace: str) -> AsyncIterator[Check]:
    """Look at Postgres; each check is made whatever the ones before have said."""
    try:
        engine = open_engine(url, connections=1)
    except SwarmError as error:
        for check in _unreachable(error):
            yield check
        return
    try:
        async for check in _checks(Database(url, namespace, engine)):
            yield check
    finally:
        await engine.dispose()


async def _checks(database: Database) -> AsyncIterator[Check]:
    try:
        with postgres_errors():
            await _reach(database.engine)
    except (SwarmError, ValueError) as error:
        for check in _unreachable(error):
            yield check
        return
    yield Check(name="postgres", ok=True, detail="reachable")
    for name, look in TABLE.items():
        try:
            with postgres_errors():
                yield await look(database)
        except (SwarmError, ValueError) as error:
            yield down(name, error, "correct what it complains of")


async def _reach(engine: AsyncEngine) -> None:
    """Log in, and run a statement outside of any transaction: the first thing that a pooler in a wrong mode refuses is `BEGIN`."""
    async with engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        if driver is not None:
            await driver.execute("SELECT 1")


def _unreachable(error: Exception) -> list[Check]:
    full = "too many c" in str(error) or "connection slots" in str(error)
    check = down("postgres", error, "chimera up, or correct DATABASE_URL")
    return [check.model_copy(update={"mend": FULL}) if full else check, *(unknown(name, "postgres") for name in TABLE)]


async def _schema(database: Database) -> Check:
    return schema_check(await database.place())


def schema_check(place: Located) -> Check:
    """Tell whether the namespace's tables are there, and of this release."""
    name = "postgres schema"
    if place.to_be_made(HEAD):
        return Check(name=name, ok=True, detail=f"the first command of this namespace makes {place.schema}")
    right = place.revision == HEAD
    detail = f"{place.revision or 'empty'}, this release needs {HEAD}"
    return Check(name=name, ok=right, detail=detail, mend="" if right else "chimera db migrate")


async def _clock(database: Database) -> Check:
    async with database.engine.connect() as connection:
        now = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
    return clock_check("postgres clock", now, datetime.now(UTC))


async def _session(database: Database) -> Check:
    return await settings_check(database.url, schema=(await database.place()).schema)


async def _prepared(database: Database) -> Check:
    return await prepared_check(database.url)


async def _write(database: Database) -> Check:
    """Ask for the rights on all tables, insert a goal and roll back."""
    name, place = "postgres.write", await database.place()
    if place.revision is None:
        return Check(name=name, ok=True, warn=True, detail="not tried: there are no tables of this namespace yet")
    engine = open_engine(database.url, schema=place.schema, connections=1)
    try:
        async with engine.connect() as connection:
            if lacking := await lacking_rights(connection):
                return Check(name=name, ok=False, detail=f"the database user lacks rights: {lacking}", mend=GRANTS_HINT)
            await connection.execute(INSERT, {"id": f"doctor-{uuid4()}"})
            await connection.rollback()
    except DBAPIError as error:
        if not isinstance(error.orig, ReadOnlySqlTransaction):
            raise
        return await _read_only(name, database.engine)
    finally:
        await engine.dispose()
    return Check(name=name, ok=True, detail="takes a write; it was rolled back")


async def _read_only(name: str, engine: AsyncEngine) -> Check:
    async with engine.connect() as connection:
        standby = (await connection.execute(text("SELECT pg_is_in_recovery()"))).scalar_one()
    if standby:
        detail, mend = "it is a standby, which takes no writes", "name the primary in DATABASE_URL, or promote this one"
    else:
        detail, mend = (
            "its transactions are read-only",
            "set default_transaction_read_only to off for server, database and role",
        )
    return Check(name=name, ok=False, detail=detail, mend=mend)


async def _connections(database: Database) -> Check:
    async with database.engine.connect() as connection:
        row = (await connection.execute(CONNECTIONS)).one()
    return connections_check(row.most - row.reserved, row.used)


def connections_check(most: int, used: int) -> Check:
    """Tell whether the server has connections left for another process."""
    little = most - used < A_PROCESS or used >= MUCH * most
    detail = f"{used} of {most} connections in use; a process opens up to {A_PROCESS}"
    return Check(name="postgres.connections", ok=True, warn=little, detail=detail, mend=FULL if little else "")


async def _disk(database: Database) -> Check:
    async with database.engine.connect() as connection:
        row = (await connection.execute(FOLDER)).one()
    return space_check("postgres.disk", free_for_postgres(row.folder or "", row.port, row.started), "data directory")


TABLE: Mapping[str, Callable[[Database], Awaitable[Check]]] = {
    "postgres schema": _schema,
    "postgres clock": _clock,
    "postgres.session": _session,
    "postgres.prepared": _prepared,
    "postgres.write": _write,
    "postgres.connections": _connections,
    "postgres.disk": _disk,
}
"""What is tried once it answers."""
