"""Where a namespace's tables are: each has a schema of its own, so that swarms on one database never touch each other's rows.

`default` has the place where the server's own search path leads, which is `public` as a rule, any other `chimera_<namespace>`. A
database of a release that knew no such schemas has all its tables in the first place; they belong to the namespace that migrates
it, which its identity row says from then on.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

DEFAULT = "default"
"""The namespace of those who set none."""
PUBLIC = "public"
"""Stands for the place where the server's own search path leads."""


@dataclass(frozen=True)
class Located:
    """Where a namespace's tables are, or would be."""

    schema: str
    """The schema."""
    revision: str | None
    """Its revision; None when it is not there."""
    first: str | None
    """Revision of what stands where the search path leads; None when nothing of ours does."""
    claimable: bool
    """Whether tables stand there that no swarm with an identity has used: those of an older release."""

    def to_be_made(self, head: str) -> bool:
        """Whether it is not there yet, in a database that is ours and of this release."""
        return self.revision is None and self.schema != PUBLIC and self.first == head


def schema_of(namespace: str, owner: str | None) -> str:
    """Name the schema of a namespace; never the same for two.

    Args:
        namespace: The namespace.
        owner: To which namespace the tables belong that stand where the search path leads; None when that is not said.
    """
    if namespace == (owner or DEFAULT):
        return PUBLIC
    return f"chimera_{namespace}"


def locate(connection: "Connection", namespace: str) -> Located:
    """Find the tables of a namespace; the connection's transaction has the server's own search path."""
    from sqlalchemy import text

    owned, known = connection.execute(
        text("SELECT to_regclass('identity') IS NOT NULL, to_regclass('alembic_version') IS NOT NULL")
    ).one()
    row = connection.execute(text("SELECT namespace, redis FROM identity")).one_or_none() if owned else None
    first = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none() if known else None
    used = known and connection.execute(text("SELECT EXISTS (SELECT FROM goals)")).scalar_one()
    schema = schema_of(namespace, row.namespace if row else None)
    revision = first if schema == PUBLIC else _revision(connection, schema)
    return Located(schema, revision, first, claimable=bool(used) and not (row and row.redis))


def enter(connection: "Connection", schema: str) -> None:
    """Have the rest of the connection's transaction work in a schema that has a name."""
    from sqlalchemy import text

    connection.execute(text("SELECT set_config('search_path', quote_ident(:name), true)"), {"name": schema})


def _revision(connection: "Connection", schema: str) -> str | None:
    from sqlalchemy import text

    path = connection.execute(text("SELECT current_setting('search_path')")).scalar_one()
    enter(connection, schema)
    found: str | None = None
    if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar_one() is not None:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    connection.execute(text("SELECT set_config('search_path', :path, true)"), {"path": path})
    return found
