"""The database schema, and the way to its newest point along `migrations/`. Alembic is loaded only when something is migrated."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy.engine import Connection, Engine

HEAD = "0005"
"""The schema this release works with: the newest file in `migrations/versions`."""
LOCK = 0x6368696D00000000
"""Number of the advisory lock that lets one migration run at a time."""


def upgrade(database_url: str) -> None:
    """Bring the schema to this release's; of several at once, one does it and the others wait.

    Raises:
        SchemaOutdated: A newer release has already changed it.
        BackendUnavailable: Postgres cannot be reached.
    """
    from alembic import command
    from alembic.util import CommandError
    from sqlalchemy import text

    from chimera_cli.adapters.postgres_errors import postgres_errors
    from chimera_cli.exceptions import SchemaOutdated

    with postgres_errors(), _engine(database_url).begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        try:
            command.upgrade(_config(connection), "head")
        except CommandError as error:
            raise SchemaOutdated(_revision(connection), HEAD) from error


def current(database_url: str) -> str | None:
    """Return the schema's revision, None when there is no schema.

    Raises:
        BackendUnavailable: Postgres cannot be reached.
    """
    from chimera_cli.adapters.postgres_errors import postgres_errors

    with postgres_errors(), _engine(database_url).connect() as connection:
        return _revision(connection)


def _engine(database_url: str) -> "Engine":
    from sqlalchemy import NullPool, create_engine

    from chimera_cli.adapters.postgres_engine import driver_url

    return create_engine(driver_url(database_url), poolclass=NullPool)


def _config(connection: "Connection") -> "Config":
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "chimera_cli.adapters:migrations")
    return config


def _revision(connection: "Connection") -> str | None:
    from alembic.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision()
