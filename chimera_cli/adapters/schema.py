"""The database schema, and the way to its newest point along `migrations/`. Alembic is loaded only when something is migrated."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy.engine import Connection

HEAD = "0006"
"""The schema this release works with: the newest file in `migrations/versions`."""
LOCK = 0x6368696D00000000
"""Number of the advisory lock that lets one migration run at a time."""


def upgrade(database_url: str, *, schema: str = "public") -> None:
    """Bring the schema to this release's; of several at once, one does it and the others wait.

    Args:
        database_url: Where Postgres is.
        schema: The Postgres schema that holds the tables; it is made when it is missing.

    Raises:
        SchemaOutdated: A newer release has already changed it.
        BackendUnavailable: Postgres cannot be reached.
    """
    from alembic import command
    from alembic.util import CommandError
    from sqlalchemy import text
    from sqlalchemy.schema import CreateSchema

    from chimera_cli.adapters.postgres_engine import open_blocking_engine
    from chimera_cli.adapters.postgres_errors import postgres_errors
    from chimera_cli.adapters.postgres_transaction import DEFAULT_SCHEMA
    from chimera_cli.exceptions import SchemaOutdated

    with postgres_errors(), open_blocking_engine(database_url, schema=schema).begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        if schema != DEFAULT_SCHEMA:
            connection.execute(CreateSchema(schema, if_not_exists=True))
        try:
            command.upgrade(_config(connection), "head")
        except CommandError as error:
            raise SchemaOutdated(_revision(connection), HEAD) from error


def current(database_url: str, *, schema: str = "public") -> str | None:
    """Return the schema's revision, None when there is no schema.

    Raises:
        BackendUnavailable: Postgres cannot be reached.
    """
    from chimera_cli.adapters.postgres_engine import open_blocking_engine
    from chimera_cli.adapters.postgres_errors import postgres_errors

    with postgres_errors(), open_blocking_engine(database_url, schema=schema).connect() as connection:
        return _revision(connection)


def _config(connection: "Connection") -> "Config":
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "chimera_cli.adapters:migrations")
    return config


def _revision(connection: "Connection") -> str | None:
    from alembic.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision()
