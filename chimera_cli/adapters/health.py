"""What `chimera doctor` asks of the servers: every question is asked, whatever the answers before."""

import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import text

from chimera_cli.adapters.health_session import session_checks
from chimera_cli.adapters.namespaces import DEFAULT, Located, locate
from chimera_cli.adapters.postgres_engine import open_engine
from chimera_cli.adapters.postgres_errors import postgres_errors
from chimera_cli.adapters.redis_client import new_enough, single_client
from chimera_cli.adapters.redis_errors import redis_errors
from chimera_cli.adapters.redis_sentinel import check_service
from chimera_cli.adapters.schema import HEAD
from chimera_cli.exceptions import SwarmError
from chimera_cli.models.check import Check

PATIENCE_S = 3.0
"""Longest wait for a server, in s."""
MOST_SKEW = timedelta(seconds=5)
"""Clocks further apart than this make deadlines and ages misleading."""


async def redis_checks(url: str) -> AsyncIterator[Check]:
    """Look at Redis: reachable, new enough, never evicting, writing its log, telling the same time."""
    names = ("redis version", "redis eviction", "redis persistence", "redis clock")
    try:
        with redis_errors():
            how = {"socket_timeout": PATIENCE_S, "socket_connect_timeout": PATIENCE_S}
            async with single_client(url, **how) as client:
                await check_service(client)
                info: dict[str, Any] = await client.info()
                seconds, micros = await client.time()
    except (SwarmError, ValueError) as error:
        yield _down("redis", error, "chimera up, or correct REDIS_URL")
        for name in names:
            yield _unknown(name, "redis")
        return
    yield Check(name="redis", ok=True, detail="reachable")
    for check in judge_redis(info):
        yield check
    yield clock_check("redis clock", datetime.fromtimestamp(seconds + micros / 1e6, UTC), datetime.now(UTC))


def judge_redis(info: dict[str, Any]) -> list[Check]:
    """Judge what a Redis says of itself."""
    policy = str(info.get("maxmemory_policy", "unknown"))
    version = str(info.get("redis_version", "0"))
    fits = new_enough(version)
    logged = int(info.get("aof_enabled", 0)) == 1
    return [
        Check(
            name="redis version",
            ok=fits,
            detail=version,
            mend="" if fits else "use Redis 6.2 or newer, or Valkey",
        ),
        Check(
            name="redis eviction",
            ok=policy == "noeviction",
            detail=f"maxmemory-policy {policy}",
            mend=""
            if policy == "noeviction"
            else "redis-cli CONFIG SET maxmemory-policy noeviction, and in redis.conf",
        ),
        Check(
            name="redis persistence",
            ok=logged,
            detail="append-only file on" if logged else "append-only file off: a crash loses what was queued last",
            mend="" if logged else "redis-cli CONFIG SET appendonly yes, and in redis.conf",
        ),
    ]


async def postgres_checks(url: str, namespace: str = DEFAULT) -> AsyncIterator[Check]:
    """Look at Postgres: reachable, right schema for the namespace, telling the same time."""
    try:
        with postgres_errors():
            engine = open_engine(url)
            try:
                async with engine.connect() as connection:
                    now = (await connection.execute(text("SELECT now()"))).scalar_one()
                    place = await connection.run_sync(locate, namespace)
            finally:
                await engine.dispose()
            session = await session_checks(url, schema=place.schema)
    except (SwarmError, ValueError) as error:
        yield _down("postgres", error, "chimera up, or correct DATABASE_URL")
        for name in ("postgres schema", "postgres clock", "postgres.session", "postgres.prepared"):
            yield _unknown(name, "postgres")
        return
    yield Check(name="postgres", ok=True, detail="reachable")
    yield schema_check(place)
    yield clock_check("postgres clock", now, datetime.now(UTC))
    for check in session:
        yield check


def schema_check(place: Located) -> Check:
    """Tell whether the namespace's tables are there, and of this release."""
    name = "postgres schema"
    if place.to_be_made(HEAD):
        return Check(name=name, ok=True, detail=f"the first command of this namespace makes {place.schema}")
    right = place.revision == HEAD
    detail = f"{place.revision or 'empty'}, this release needs {HEAD}"
    return Check(name=name, ok=right, detail=detail, mend="" if right else "chimera db migrate")


def clock_check(name: str, theirs: datetime, ours: datetime) -> Check:
    """Compare a server's clock with ours."""
    skew = abs(theirs - ours)
    right = skew <= MOST_SKEW
    detail = f"{skew.total_seconds():.1f} s apart from ours"
    return Check(name=name, ok=right, detail=detail, mend="" if right else "have both machines keep time by NTP")


def model_check(base_url: str | None, has_key: bool) -> Check:
    """Tell whether the model's endpoint takes connections and a key is there; no question is asked, so nothing is paid."""
    if not has_key:
        return Check(name="model", ok=False, detail="OPENAI_API_KEY is not set", mend="set it in .env, or chimera up")
    parts = urlsplit(base_url or "https://api.openai.com")
    where = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
    try:
        with socket.create_connection((parts.hostname or "", int(where.rsplit(":", 1)[1])), timeout=PATIENCE_S):
            return Check(name="model", ok=True, detail=f"{where} takes connections")
    except OSError as error:
        detail = f"{where}: {error.strerror or error}"
        return Check(name="model", ok=False, detail=detail, mend="chimera up, or correct OPENAI_BASE_URL")


def _down(name: str, error: Exception, mend: str) -> Check:
    hint = getattr(error, "hint", "")
    return Check(name=name, ok=False, detail=str(error), mend=mend if hint in {"", "chimera doctor"} else hint)


def _unknown(name: str, server: str) -> Check:
    return Check(
        name=name, ok=False, detail=f"cannot be told while {server} does not answer", mend=f"mend {server} first"
    )
