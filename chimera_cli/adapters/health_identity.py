"""What `chimera doctor` asks both stores about each other: whether they belong together. Changes nothing."""

from collections.abc import AsyncIterator
from datetime import timedelta

from chimera_cli.adapters.addresses import postgres_address, redis_address
from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.postgres_engine import open_engine
from chimera_cli.adapters.postgres_identity import PostgresIdentity
from chimera_cli.adapters.redis_client import open_redis
from chimera_cli.adapters.redis_identity import RedisIdentities
from chimera_cli.exceptions import SwarmError
from chimera_cli.models.check import Check
from chimera_cli.models.pairing import RecordIdentity, RedisHolding, Report, Verdict, compare

NAME = "identity"
WRONG = "correct REDIS_URL or DATABASE_URL; to move the record to this Redis on purpose: chimera db adopt"


async def identity_checks(
    redis_url: str, database_url: str, keys: Keys, *, schema: str, fresh: timedelta
) -> AsyncIterator[Check]:
    """Say whether the record and this Redis belong together; nothing when a server is away or the record is not there yet.

    Args:
        redis_url: Where Redis is.
        database_url: Where Postgres is.
        keys: Names of the namespace's keys.
        schema: Where its tables are.
        fresh: How long a report of a live process counts.
    """
    engine = open_engine(database_url, schema=schema)
    try:
        async with open_redis(redis_url, looks=True) as client:
            redis = RedisIdentities(client, keys, redis_address(redis_url))
            holding = (await redis.look()).model_copy(update={"used": await redis.used()})
        stored = PostgresIdentity(engine, postgres_address(database_url))
        record, reports = await stored.read(), await stored.reports(fresh)
    except SwarmError:
        return  # The checks of the servers tell why.
    finally:
        await engine.dispose()
    yield identity_check(record, holding, reports, keys.shards)


def identity_check(record: RecordIdentity, holding: RedisHolding, reports: list[Report], shards: int) -> Check:
    """Tell whether a record and a Redis belong together."""
    verdict = compare(record, holding, reports)
    both = f"{record.sentence}; {holding.sentence}"
    if verdict is Verdict.REFUSE:
        return Check(name=NAME, ok=False, detail=f"these stores are not a pair: {both}", mend=WRONG)
    if record.shards not in (0, shards):
        detail = f"CHIMERA_SHARDS is {shards}, but this swarm was started with {record.shards}"
        return Check(name=NAME, ok=False, detail=detail, mend=f"set CHIMERA_SHARDS={record.shards}")
    if verdict is Verdict.BOUND:
        return Check(name=NAME, ok=True, detail=f"swarm {record.id}, namespace {record.namespace}, in both stores")
    if verdict is Verdict.BIND:
        return Check(name=NAME, ok=True, detail="the stores have not met yet; the first command binds them")
    return Check(name=NAME, ok=True, warn=True, detail=both, mend="chimera worker, or any other role: it mends that")
