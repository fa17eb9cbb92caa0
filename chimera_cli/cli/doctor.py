"""`chimera doctor`: every check, none left out after a failure, each with its cure."""

import sys
from collections.abc import AsyncIterator
from importlib import import_module
from typing import TYPE_CHECKING

from chimera_cli.cli.command import command, single
from chimera_cli.cli.terminal import Terminal
from chimera_cli.exceptions import EXIT_FAILED, ConfigError, SwarmError

if TYPE_CHECKING:
    from chimera_cli.config import Settings
    from chimera_cli.models.check import Check

app = single()

NEEDED = (
    "alembic",
    "fastapi",
    "instructor",
    "openai",
    "psycopg",
    "pydantic",
    "pydantic_settings",
    "redis",
    "rich",
    "sqlalchemy",
    "sqlmodel",
    "tenacity",
    "typer",
    "uvicorn",
    "yaml",
)
"""What must be importable."""


@command(app, example="chimera doctor --json")
def doctor(terminal: Terminal) -> int:
    """Check all that chimera stands on, and say how to mend it.

    Tries what the roles do: a script and a write in Redis, transactions, statements and a write in Postgres, the model's key.
    Nothing is left behind, and nothing is paid for. A failed check exits 1, a warning does not.
    """
    from chimera_cli.views.doctor import CheckList

    async def look() -> "list[Check]":
        return [python_check(), imports_check(), *[check async for check in _settings_and_servers(terminal)]]

    checks = [check.model_copy(update={"detail": terminal.redact(check.detail)}) for check in terminal.run(look())]
    ok = all(check.ok for check in checks)
    terminal.show({"ok": ok, "checks": [check.model_dump(mode="json") for check in checks]}, CheckList(checks))
    return 0 if ok else EXIT_FAILED


def python_check() -> "Check":
    """Tell whether this Python is new enough."""
    from chimera_cli.models.check import Check

    right = sys.version_info >= (3, 11)
    found = sys.version.split()[0]
    return Check(name="python", ok=right, detail=found, mend="" if right else "install Python 3.11 or newer")


def imports_check(modules: tuple[str, ...] = NEEDED) -> "Check":
    """Import every package chimera stands on."""
    from chimera_cli.models.check import Check

    broken: list[str] = []
    for module in modules:
        try:
            import_module(module)
        except ImportError as error:
            broken.append(f"{module} ({error})")
    if broken:
        return Check(name="imports", ok=False, detail="; ".join(broken), mend="pip install chimera-swarm")
    return Check(name="imports", ok=True, detail=f"{len(modules)} packages")


async def _settings_and_servers(terminal: Terminal) -> "AsyncIterator[Check]":
    from chimera_cli.adapters.health_model import model_check
    from chimera_cli.adapters.health_postgres import postgres_checks
    from chimera_cli.adapters.health_redis import redis_checks
    from chimera_cli.adapters.keys import Keys
    from chimera_cli.models.check import Check

    try:
        settings = terminal.settings()
    except ConfigError as error:
        yield Check(name="settings", ok=False, detail=error.message, mend=error.hint)
        for name in ("redis", "postgres", "model"):
            yield Check(name=name, ok=False, detail="cannot be told without settings", mend="mend settings first")
        return
    yield Check(name="settings", ok=True, detail="valid")
    async for check in redis_checks(settings.redis_url.get_secret_value(), Keys(settings.namespace, settings.shards)):
        yield check
    async for check in postgres_checks(settings.database_url.get_secret_value(), settings.namespace):
        yield check
    async for check in _both_servers(settings):
        yield check
    yield await model_check(settings.openai_base_url, settings.openai_api_key)


BOTH = (
    "identity",
    "redis compared",
    "redis recovery",
    "outbox complete",
    "stuck",
    "approvals.key",
    "approvals.waiting",
    "unserved",
    "stalled",
    "redis.clock",
)
"""Checks that look into the stores; told also where they cannot be made."""


async def _both_servers(settings: "Settings") -> "AsyncIterator[Check]":
    from chimera_cli.adapters.health import completed

    async for check in completed(_store_checks(settings), BOTH):
        yield check


async def _store_checks(settings: "Settings") -> "AsyncIterator[Check]":
    from chimera_cli.adapters.health_approvals import approval_checks
    from chimera_cli.adapters.health_identity import identity_checks
    from chimera_cli.adapters.health_recovery import recovery_checks
    from chimera_cli.adapters.health_unserved import look_at_fleet, unserved_checks
    from chimera_cli.adapters.keys import Keys
    from chimera_cli.models.unserved import unexecuted
    from chimera_cli.records import schema_here, voucher

    keys = Keys(settings.namespace, settings.shards)
    urls = settings.redis_url.get_secret_value(), settings.database_url.get_secret_value()
    try:
        schema = await schema_here(settings)
    except SwarmError:
        schema = ""  # The checks of the servers tell why.
    seen = await look_at_fleet(urls[0], keys)
    without_key = unexecuted(seen.queues.to_execute, seen.fleet) if seen else None
    if schema:
        async for check in identity_checks(*urls, keys, schema=schema, fresh=settings.lease_policy().lease):
            yield check
        async for check in recovery_checks(*urls, keys, schema=schema):
            yield check
        async for check in approval_checks(urls[1], voucher(settings), schema=schema, without_key=without_key):
            yield check
    for check in unserved_checks(seen):
        yield check
