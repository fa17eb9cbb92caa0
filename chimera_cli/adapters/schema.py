"""The database schema, and the way to its newest point along `migrations/`. Alembic is loaded only when something is migrated."""

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from chimera_cli.adapters.namespaces import DEFAULT, PUBLIC, enter, locate
from chimera_cli.models.identity import new_id

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy.engine import Connection

HEAD = "0009"
"""The schema this release works with: the newest file in `migrations/versions`."""
LOCK = 0x6368696D00000000
"""Number of the advisory lock that lets one migration run at a time, whatever the namespace: which one owns the tables of an older
release is decided under it."""


@dataclass(frozen=True)
class Migrated:
    """What a migration did."""

    schema: str
    """Where the namespace's tables are; `public` stands for where the server's search path leads."""
    before: str | None
    """The revision before; None when there was nothing."""


def upgrade(database_url: str, namespace: str = DEFAULT, *, claim: bool = True) -> Migrated:
    """Bring a namespace's schema to this release's, or make it; of several at once, one does it and the others wait.

    Args:
        database_url: Where Postgres is.
        namespace: Whose tables.
        claim: Whether tables of an older release, which no swarm with an identity has used, become this namespace's.

    Raises:
        ConfigError: Postgres refuses us; the role may not make a schema, say.
        SchemaOutdated: A newer release has already changed it.
        BackendUnavailable: Postgres cannot be reached.
    """
    from alembic import command
    from alembic.util import CommandError
    from sqlalchemy import text

    from chimera_cli.adapters.postgres_engine import open_blocking_engine
    from chimera_cli.adapters.postgres_errors import postgres_errors
    from chimera_cli.exceptions import SchemaOutdated

    with postgres_errors(), open_blocking_engine(database_url).begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        place = locate(connection, namespace)
        claimed = claim and place.claimable and place.revision is None
        schema = PUBLIC if claimed else place.schema
        _enter(connection, schema)
        try:
            command.upgrade(_config(connection), "head")
        except CommandError as error:
            raise SchemaOutdated(_revision(connection), HEAD) from error
        _name(connection, namespace, claimed=claimed)
        return Migrated(schema, place.first if claimed else place.revision)


def current(database_url: str, namespace: str = DEFAULT) -> str | None:
    """Return the revision of a namespace's schema, None when there is none.

    Raises:
        BackendUnavailable: Postgres cannot be reached.
    """
    from chimera_cli.adapters.postgres_engine import open_blocking_engine
    from chimera_cli.adapters.postgres_errors import postgres_errors

    with postgres_errors(), open_blocking_engine(database_url).connect() as connection:
        return locate(connection, namespace).revision


def _enter(connection: "Connection", schema: str) -> None:
    """Have the rest of the transaction work in a schema, and make that if need be."""
    if schema == PUBLIC:
        return
    from sqlalchemy import text
    from sqlalchemy.schema import CreateSchema

    # Not IF NOT EXISTS, which wants the right to create even where there is nothing to create.
    if connection.execute(text("SELECT to_regnamespace(quote_ident(:name))"), {"name": schema}).scalar_one() is None:
        _check_right(connection, schema)
        connection.execute(CreateSchema(schema))
        _check_apart(connection, schema)
    enter(connection, schema)


def _check_right(connection: "Connection", schema: str) -> None:
    from sqlalchemy import text

    from chimera_cli.exceptions import ConfigError

    allowed, database, role = connection.execute(
        text("""
            SELECT has_database_privilege(current_database(), 'CREATE'), quote_ident(current_database()),
                quote_ident(current_user)
        """)
    ).one()
    if not allowed:
        raise ConfigError(
            f"the namespace has no schema in Postgres yet, and role {role} may not make {schema}",
            hint=f"chimera db migrate as the database's owner, or GRANT CREATE ON DATABASE {database} TO {role}",
        )


def _check_apart(connection: "Connection", schema: str) -> None:
    """Make sure that the server's own search path does not lead into a new schema: two namespaces would share it."""
    from sqlalchemy import text

    from chimera_cli.exceptions import ConfigError

    if connection.execute(text("SELECT current_schema()")).scalar_one() == schema:
        raise ConfigError(
            f"the search path of this role would lead the namespace {DEFAULT!r} into the schema {schema} too",
            hint="ALTER ROLE ... SET search_path = public, or use another CHIMERA_NAMESPACE",
        )


def _name(connection: "Connection", namespace: str, *, claimed: bool) -> None:
    """Give the record an identity, unless it has one, and have it say whose it is."""
    from sqlalchemy import text

    names = {"id": new_id(uuid4), "namespace": namespace}
    insert = text("INSERT INTO identity (id, namespace) VALUES (:id, :namespace) ON CONFLICT (one) DO NOTHING")
    connection.execute(insert, names)
    if claimed:
        connection.execute(text("UPDATE identity SET namespace = :namespace"), {"namespace": namespace})


def _config(connection: "Connection") -> "Config":
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "chimera_cli.adapters:migrations")
    return config


def _revision(connection: "Connection") -> str | None:
    from alembic.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision()
