"""The one way into Postgres: an async engine that notices when the server has gone."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, NullPool, create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from chimera_cli.adapters.postgres_connection import PatientConnection, connector
from chimera_cli.adapters.postgres_errors import postgres_errors
from chimera_cli.adapters.postgres_transaction import DEFAULT_SCHEMA, begin_with, settings_of
from chimera_cli.adapters.row import json_text, json_value
from chimera_cli.adapters.schema import HEAD
from chimera_cli.exceptions import ConfigError, SchemaOutdated

DRIVER = "postgresql+psycopg"
SCHEMES = ("postgresql", "postgres", DRIVER)
EXAMPLE = "DATABASE_URL=postgresql://USER:PASSWORD@HOST/NAME"
PATIENCE = {
    "connect_timeout": 3,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""libpq's own settings, in s (the last in ms): a vanished server is noticed within 25 s, also in the middle of a statement.
The URL may say otherwise."""
PREPARE = "prepare_threshold"
"""Parameter of the URL: after so many runs of a statement on one connection it is prepared under a name there. Without it, never:
a pooler may run the next transaction on another connection, which does not know the name."""


def driver_url(database_url: str) -> URL:
    """Read a database's URL, with the driver we use, and our patience where it names none.

    Raises:
        ConfigError: It is not the URL of a Postgres database.
    """
    try:
        url = make_url(database_url)
    except (ArgumentError, ValueError) as error:
        # Neither is repeated: the text may hold a password.
        raise ConfigError("DATABASE_URL cannot be understood", hint=EXAMPLE) from error
    if url.drivername not in SCHEMES:
        raise ConfigError(f"DATABASE_URL names {url.drivername!r}, chimera works with Postgres only", hint=EXAMPLE)
    wanted: dict[str, str] = {"application_name": "chimera"} | {key: str(value) for key, value in PATIENCE.items()}
    return url.set(drivername=DRIVER, query={**wanted, **url.query})


def open_engine(
    database_url: str,
    *,
    schema: str = DEFAULT_SCHEMA,
    connections: int = 10,
    answer_within: timedelta = PatientConnection.answer_within,
) -> AsyncEngine:
    """Make the engine that all Postgres adapters of a process share; nothing connects yet.

    Statements need a transaction, which is where their settings are: no `isolation_level="AUTOCOMMIT"`.

    Args:
        database_url: `postgresql://...`; everything libpq understands may stand in its query, such as `sslmode`, and
            `prepare_threshold`.
        schema: Where the tables are; `public` for where the server's own search path leads.
        connections: How many connections are open at once at most.
        answer_within: How long a statement may stay unanswered before its connection is given up.

    Raises:
        ConfigError: The URL is not that of a Postgres database.
    """
    arguments: dict[str, Any] = {
        "pool_size": connections,
        "max_overflow": 0,
        "pool_timeout": 30,
        # A connection that died while it lay in the pool is replaced, not handed out.
        "pool_pre_ping": True,
        "json_serializer": json_text,
        "json_deserializer": json_value,
    }
    url, connecting = _connecting(database_url)
    connecting["async_creator_fn"] = connector(answer_within)
    engine = create_async_engine(url, **arguments, use_native_hstore=False, connect_args=connecting)
    begin_with(engine.sync_engine, settings_of(url, schema))
    return engine


def open_blocking_engine(database_url: str, *, schema: str = DEFAULT_SCHEMA) -> Engine:
    """Make an engine for a migration: one connection at a time, transactions as those of `open_engine`.

    Raises:
        ConfigError: The URL is not that of a Postgres database.
    """
    url, connecting = _connecting(database_url)
    engine = create_engine(url, poolclass=NullPool, use_native_hstore=False, connect_args=connecting)
    begin_with(engine, settings_of(url, schema))
    return engine


def _connecting(database_url: str) -> tuple[URL, dict[str, Any]]:
    """Return what the driver connects to and how; it begins no transaction by itself, for ours begin with their settings."""
    url = driver_url(database_url)
    threshold = url.query.get(PREPARE)
    if threshold is not None and not str(threshold).isdecimal():
        raise ConfigError(f"{PREPARE} in DATABASE_URL is no number", hint=f"leave it out, or {PREPARE}=5")
    connecting = {"autocommit": True, PREPARE: None if threshold is None else int(str(threshold))}
    return url.difference_update_query([PREPARE]), connecting


async def check_schema(engine: AsyncEngine) -> None:
    """Make sure that the database has this release's schema.

    Raises:
        SchemaOutdated: It has none, an older or a newer one.
    """
    with postgres_errors():
        async with engine.connect() as connection:
            found = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar()
    if found != HEAD:
        raise SchemaOutdated(found, HEAD)
