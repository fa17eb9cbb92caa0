"""Real servers for the tests: a Redis, a PostgreSQL and a three-node Redis Cluster, started when first asked for."""

import itertools
import os
import secrets
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from chimera_cli.exceptions import ConfigError
from chimera_cli.local.postgres_server import PostgresServer
from chimera_cli.local.process import free_port
from chimera_cli.local.redis_server import RedisServer
from chimera_cli.local.server import LocalServer
from chimera_cli.simulation.chaos.cluster import NODES, cluster_port, join

TEMPLATE = "chimera_template"

Server = TypeVar("Server", bound=LocalServer)
Started = TypeVar("Started")


class Servers:
    """The servers of one test process; whatever was started ends with `close`."""

    def __init__(self) -> None:
        self._cleanup = ExitStack()
        self._numbers = itertools.count(1)

    @cached_property
    def redis(self) -> RedisServer:
        """A single Redis, started on first use."""
        return self._started(RedisServer(self._folder / "redis", free_port(), _password(), durable=False))

    @cached_property
    def replica(self) -> RedisServer:
        """A second Redis with the password of the first, started on first use: it can follow that one, and take over."""
        return self._started(
            RedisServer(self._folder / "replica", free_port(), str(urlsplit(self.redis.url).password), durable=False)
        )

    @cached_property
    def postgres(self) -> PostgresServer:
        """A PostgreSQL with an empty database, started on first use."""
        return self._started(PostgresServer(self._folder / "postgres", free_port(), _password(), durable=False))

    @cached_property
    def cluster(self) -> list[RedisServer]:
        """Three masters that share all slots, started on first use."""
        password = _password()
        nodes = [
            self._started(
                RedisServer(self._folder / f"node-{n}", cluster_port(), password, durable=False, cluster=True)
            )
            for n in range(NODES)
        ]
        join(nodes)
        return nodes

    @cached_property
    def template(self) -> str:
        """A database with the schema of this release; copying it takes a fraction of migrating anew."""
        from chimera_cli.adapters import schema  # only the tests of Postgres adapters need it

        self.postgres.create_database(TEMPLATE)
        schema.upgrade(self.postgres.url_of(TEMPLATE))
        return TEMPLATE

    def new_database(self) -> str:
        """Make a fresh, migrated database and return its name."""
        name = f"test_{next(self._numbers)}"
        self.postgres.create_database(name, template=self.template)
        return name

    def drop_database(self, name: str) -> None:
        """Throw a database away, with whoever is still connected."""
        with psycopg.connect(self.postgres.url_of("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def close(self) -> None:
        """End every server that was started, and remove its data."""
        self._cleanup.close()

    @cached_property
    def _folder(self) -> Path:
        return Path(self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="chimera-tests-")))

    def _started(self, server: Server) -> Server:
        # First the way out: a server that comes up half must end too.
        self._cleanup.callback(server.stop)
        return or_skip(server.start, server)


def or_skip(start: Callable[[], object], server: Started) -> Started:
    """Start a server; where its program is missing the test is skipped, but in CI it fails."""
    try:
        start()
    except ConfigError as error:
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail(f"{error} ({error.hint})")
        pytest.skip(str(error))
    return server


def _password() -> str:
    return secrets.token_urlsafe(12)
