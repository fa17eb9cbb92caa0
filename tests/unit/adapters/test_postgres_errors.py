"""The driver's errors, all of them, in the swarm's words."""

import psycopg
import pytest
from psycopg import errors
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chimera_cli.adapters.postgres_errors import mapped, postgres_errors
from chimera_cli.exceptions import BackendUnavailable, ConfigError, SchemaOutdated, SwarmError

UNAVAILABLE = [
    errors.AdminShutdown,
    errors.CannotConnectNow,
    errors.ConnectionFailure,
    errors.ConnectionTimeout,
    errors.CrashShutdown,
    errors.DeadlockDetected,
    errors.DiskFull,
    errors.IdleInTransactionSessionTimeout,
    errors.InternalError_,
    errors.IoError,
    errors.LockNotAvailable,
    errors.OutOfMemory,
    errors.QueryCanceled,
    errors.ReadOnlySqlTransaction,
    errors.SerializationFailure,
    errors.TooManyConnections,
    psycopg.InterfaceError,
    psycopg.OperationalError,
]
REFUSED = [
    errors.InsufficientPrivilege,
    errors.InvalidAuthorizationSpecification,
    errors.InvalidCatalogName,
    errors.InvalidPassword,
    errors.InvalidSchemaName,
]
OUTDATED = [errors.UndefinedColumn, errors.UndefinedFunction, errors.UndefinedObject, errors.UndefinedTable]
LOGIN_REFUSALS = [
    'connection failed: FATAL:  password authentication failed for user "chimera"',
    "connection failed: fe_sendauth: no password supplied",
    'connection failed: FATAL:  database "nowhere" does not exist',
    'connection failed: FATAL:  role "nobody" does not exist',
    'connection failed: FATAL:  no pg_hba.conf entry for host "10.0.0.1"',
    "connection failed: server does not support SSL, but SSL was required",
    "connection failed: SSL error: certificate verify failed",
    "connection failed: FATAL:  no such database: nowhere",
    "connection failed: FATAL:  no such user: nobody",
    'connection failed: invalid sslmode value: "sometimes"',
]
NOT_NOW = [
    "connection failed: FATAL:  no more connections allowed (max_client_conn)",
    "connection failed: FATAL:  server login has been failing, try again later (server_login_retry)",
    "query_wait_timeout",
    'connection failed: connection to server at "127.0.0.1", port 1 failed: Connection refused',
    "connection timeout expired",
    "server closed the connection unexpectedly",
    "connection failed: FATAL:  the database system is starting up",
    "connection failed: FATAL:  sorry, too many clients already",
    "consuming input failed: SSL SYSCALL error: EOF detected",
    "consuming input failed: SSL connection has been closed unexpectedly",
]


def every_driver_error() -> list[type[psycopg.Error]]:
    """List all error classes of psycopg, those of each SQLSTATE included."""
    found = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, psycopg.Error)]
    return sorted(set(found), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", every_driver_error(), ids=lambda kind: kind.__name__)
def test_every_driver_error_becomes_one_of_ours(kind: type[psycopg.Error]) -> None:
    with pytest.raises(SwarmError) as raised, postgres_errors():
        raise kind("something")
    assert isinstance(raised.value.__cause__, kind)


@pytest.mark.parametrize("kind", UNAVAILABLE)
def test_what_may_pass_is_unavailable(kind: type[psycopg.Error]) -> None:
    error = mapped(DBAPIError("SELECT secret", {}, kind("something\nDETAIL: a value")))
    assert isinstance(error, BackendUnavailable)
    assert str(error) == "Postgres is unreachable: something"


@pytest.mark.parametrize("kind", REFUSED)
def test_what_no_retry_mends_is_configuration(kind: type[psycopg.Error]) -> None:
    assert type(mapped(kind("no"))) is ConfigError


def test_a_missing_right_is_told_as_one_and_not_as_a_connection_that_is_refused() -> None:
    error = mapped(errors.InsufficientPrivilege("permission denied for table posts"))
    assert str(error) == "a right in Postgres is missing: permission denied for table posts"
    assert "docs/trust.md" in error.hint
    assert error.exit_code == 6


@pytest.mark.parametrize("kind", OUTDATED)
def test_what_the_database_does_not_know_is_an_outdated_schema(kind: type[psycopg.Error]) -> None:
    assert type(mapped(kind('relation "tasks" does not exist'))) is SchemaOutdated


@pytest.mark.parametrize("words", LOGIN_REFUSALS)
def test_a_log_in_that_is_refused_is_configuration(words: str) -> None:
    assert type(mapped(psycopg.OperationalError(words))) is ConfigError


@pytest.mark.parametrize("words", NOT_NOW)
def test_a_server_that_does_not_answer_is_unavailable(words: str) -> None:
    assert type(mapped(psycopg.OperationalError(words))) is BackendUnavailable


def test_a_full_pool_is_unavailable() -> None:
    assert type(mapped(PoolTimeout("QueuePool limit reached"))) is BackendUnavailable


def test_what_remains_is_an_error_without_statement_or_values() -> None:
    error = mapped(DBAPIError("INSERT secret", {"a": "secret"}, errors.NotNullViolation("null value\nDETAIL: secret")))
    assert type(error) is SwarmError
    assert "secret" not in str(error)
    assert type(mapped(InvalidRequestError("closed"))) is SwarmError


def test_errors_of_others_pass_through() -> None:
    with pytest.raises(OSError, match="not ours"), postgres_errors():
        raise OSError("not ours")


@pytest.mark.parametrize(
    ("error", "cure"),
    [
        (errors.InvalidSqlStatementName('prepared statement "_pg3_7" does not exist'), "prepare_threshold"),
        (errors.DuplicatePreparedStatement('prepared statement "_pg3_7" already exists'), "prepare_threshold"),
        (psycopg.OperationalError("FATAL:  unsupported startup parameter: options"), "options"),
        (errors.ProtocolViolation("transaction blocks not allowed in statement pooling mode"), "pool_mode"),
    ],
)
def test_what_a_pooler_will_never_do_is_a_configuration_error_with_its_cure(error: psycopg.Error, cure: str) -> None:
    refused = mapped(error)
    assert isinstance(refused, ConfigError)
    assert cure in refused.hint
