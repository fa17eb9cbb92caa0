"""The one way into Postgres: an async engine that notices when the server has gone."""

from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from chimera_cli.adapters.postgres_connection import PatientConnection, connector
from chimera_cli.adapters.postgres_errors import postgres_errors
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
SESSION = {"statement_timeout": "60s", "idle_in_transaction_session_timeout": "60s", "timezone": "UTC"}
"""Settings of each session: nothing runs or holds a lock for ever, not even when its client was stopped."""


def driver_url(database_url: str) -> URL:
    """Read a database's URL, with the driver we use, our patience and our session settings where it names none.

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
    given = {key: value for key, value in url.query.items() if key != "options"}
    ours = " ".join(f"-c {name}={value}" for name, value in SESSION.items())
    theirs = url.query.get("options", "")
    options = f"{ours} {theirs if isinstance(theirs, str) else ' '.join(theirs)}".strip()
    return url.set(drivername=DRIVER, query={**wanted, **given, "options": options})


def open_engine(
    database_url: str, *, connections: int = 10, answer_within: timedelta = PatientConnection.answer_within
) -> AsyncEngine:
    """Make the engine that all Postgres adapters of a process share; nothing connects yet.

    Args:
        database_url: `postgresql://...`; everything libpq understands may stand in its query, such as `sslmode`.
        connections: How many connections are open at once at most.
        answer_within: How long a statement may stay unanswered before its connection is given up.
    """
    arguments: dict[str, Any] = {
        "pool_size": connections,
        "max_overflow": 0,
        "pool_timeout": 30,
        # A connection that died while it lay in the pool is replaced, not handed out.
        "pool_pre_ping": True,
        "json_serializer": json_text,
        "json_deserializer": json_value,
        "connect_args": {"async_creator_fn": connector(answer_within)},
    }
    return create_async_engine(driver_url(database_url), **arguments)


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
