"""What Postgres and its driver may raise, put into the swarm's words."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chimera_cli.adapters.schema import HEAD
from chimera_cli.exceptions import BackendUnavailable, ConfigError, SchemaOutdated, SwarmError
from chimera_cli.services.plain_text import first_line

BACKEND = "Postgres"
HINT = "check DATABASE_URL"
GRANTS_HINT = (
    "to migrate, or to make a namespace, be the tables' owner; else have the owner grant what docs/trust.md lists,"
    " after each chimera db migrate"
)
TLS_HINT = (
    "use the host name of its certificate, and name its CA: DATABASE_URL=...?sslmode=verify-full&sslrootcert=FILE"
)

UNAVAILABLE = ("08", "53", "57", "58", "XX", "40", "25", "55P03")
"""SQLSTATEs after which the same statement may succeed: connection, resources, an operator's or a time limit's interruption,
system and internal errors, lost races, a session that became read-only or was ended."""
REFUSED = ("28", "3D", "0P", "3F")
"""SQLSTATEs that no retry mends: authentication, no such database."""
DENIED = "42501"
"""SQLSTATE of a statement that the user has no right to, on a connection that is well."""
SCHEMA = ("42P01", "42703", "42883", "42704", "42P10")
"""SQLSTATEs of a statement that names what the database does not have: a table, a column, a function, a type, an index."""

UNPREPARED = ("26000", "42P05")
"""SQLSTATEs of a prepared statement that is not there, or is another one: a pooler gave its connection to somebody else."""
UNPREPARED_HINT = "take prepare_threshold out of DATABASE_URL, or have the pooler know prepared statements"
POOLER_WORDS = {
    "unsupported startup parameter": "take options out of DATABASE_URL and PGOPTIONS, or have the pooler ignore it",
    "statement pooling": "have the pooler work in transaction or session mode: pool_mode = transaction",
}
"""What PgBouncer says when it will never do what is asked, and the cure."""

REFUSED_WORDS = (
    "no such database",
    "no such user",
    "authentication failed",
    "no password supplied",
    "does not exist",
    "pg_hba.conf",
    "server does not support ssl",
    "certificate",
    "connection failed: invalid",
    "connection option",
)
"""A failed log-in has no SQLSTATE in libpq; these words of its message tell that another try will fail as well."""


@contextmanager
def postgres_errors() -> Iterator[None]:
    """Raise the swarm's errors instead of the driver's; errors of anyone else pass through."""
    try:
        yield
    except (SQLAlchemyError, psycopg.Error) as error:
        raise mapped(error) from error


def mapped(error: SQLAlchemyError | psycopg.Error) -> SwarmError:
    """Tell what an error of SQLAlchemy or psycopg means for the swarm."""
    if isinstance(error, PoolTimeout):
        return BackendUnavailable(BACKEND, "all its connections are in use")
    driver = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(driver, "sqlstate", None) or ""
    reason = first_line(str(driver)) or type(driver).__name__
    if state.startswith(SCHEMA):
        return SchemaOutdated(None, HEAD)
    if cure := UNPREPARED_HINT if state in UNPREPARED else _pooler_cure(reason):
        return ConfigError(f"Postgres stands behind a pooler that cannot do this: {reason}", hint=cure)
    if state == DENIED:
        return ConfigError(f"a right in Postgres is missing: {reason}", hint=GRANTS_HINT)
    if state.startswith(REFUSED) or (not state and _is_refusal(driver, reason)):
        words = TLS_HINT if "certificate" in reason.lower() else HINT
        return ConfigError(f"Postgres refuses the connection: {reason}", hint=words)
    if state.startswith(UNAVAILABLE) or (
        not state and isinstance(driver, psycopg.OperationalError | psycopg.InterfaceError)
    ):
        return BackendUnavailable(BACKEND, reason)
    return SwarmError(f"Postgres refused a statement: {reason}")


def _pooler_cure(reason: str) -> str:
    return next((cure for words, cure in POOLER_WORDS.items() if words in reason.lower()), "")


def _is_refusal(driver: BaseException | None, reason: str) -> bool:
    """Tell a log-in that was answered with no from one that was not answered."""
    words = reason.lower()
    return isinstance(driver, psycopg.OperationalError) and any(word in words for word in REFUSED_WORDS)
