"""Reading a history with plain SQL and plain Redis commands: nothing of the adapters, which are what is being checked."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any, TypeVar

import psycopg
from psycopg import sql
from psycopg.rows import class_row, dict_row

from chimera_cli.simulation.history.history import Effect, History, Sink
from chimera_cli.simulation.history.redis_reading import read_keys
from chimera_cli.simulation.history.rows import AuditLine, Card, Event, Goal, Order, Post, StateValue, Task

Row = TypeVar("Row")
ORDER = {
    "events": ("seq",),
    "tasks": ("position",),
    "goals": ("created_at", "id"),
    "state": ("goal_id", "key"),
    "cards": ("created_at", "id"),
    "audit": ("seq",),
    "orders": ("seq",),
    "posts": ("seq",),
}
"""The columns by which each table is read in an order that means something."""


def read_history(
    database_url: str,
    redis_url: str,
    *,
    namespace: str,
    shards: int,
    effects: Iterable[Effect] = (),
    sinks: Iterable[Sink] = (),
    secrets: Iterable[str] = (),
) -> History:
    """Read what a run has left in both stores, each at one moment: Postgres first, then Redis.

    Args:
        database_url: Where Postgres listens.
        redis_url: Where Redis listens; one node, for a cluster.
        namespace: The swarm's namespace.
        shards: Number of its shards.
        effects: What handlers noted outside of both stores.
        sinks: Texts to be searched for secrets, besides all rows.
        secrets: What must stand nowhere.
    """
    with _snapshot(database_url, namespace) as connection:
        recorded = History(
            shards=shards,
            events=_rows(connection, "events", Event),
            tasks=_rows(connection, "tasks", Task),
            goals=_rows(connection, "goals", Goal),
            state=_rows(connection, "state", StateValue),
            cards=_rows(connection, "cards", Card),
            audit=_rows(connection, "audit", AuditLine),
            orders=_rows(connection, "orders", Order),
            posts=_rows(connection, "posts", Post),
            recoveries=_recoveries(connection),
        )
    keys = read_keys(redis_url, namespace)
    return replace(recorded, keys=keys, effects=tuple(effects), sinks=tuple(sinks), secrets=tuple(secrets))


@contextmanager
def _snapshot(database_url: str, namespace: str) -> Iterator[psycopg.Connection[Any]]:
    """Open a connection whose one transaction sees all tables as they were at one moment."""
    with psycopg.connect(database_url.replace("postgresql+psycopg:", "postgresql:", 1)) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        # Where the namespace has no schema of its own, its tables are in the first one that the search path leads to.
        path = connection.execute(
            "SELECT quote_ident(%s) || ', ' || current_setting('search_path')", [f"chimera_{namespace}"]
        )
        connection.execute("SELECT set_config('search_path', %s, true)", path.fetchone())
        yield connection


def _rows(connection: psycopg.Connection[Any], table: str, row: type[Row]) -> tuple[Row, ...]:
    columns = _names([field.name for field in fields(row)])  # type: ignore[arg-type]
    asked = sql.SQL("SELECT {} FROM {} ORDER BY {}").format(columns, sql.Identifier(table), _names(ORDER[table]))
    with connection.cursor(row_factory=class_row(row)) as cursor:
        return tuple(cursor.execute(asked).fetchall())


def _names(names: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join([sql.Identifier(name) for name in names])


def _recoveries(connection: psycopg.Connection[Any]) -> tuple[dict[str, Any], ...]:
    with connection.cursor(row_factory=dict_row) as cursor:
        if cursor.execute("SELECT to_regclass('recoveries') AS found").fetchone() == {"found": None}:
            return ()
        return tuple(cursor.execute("SELECT * FROM recoveries").fetchall())
