"""What `chimera doctor` asks both stores together: whether the queue moves, and what it had lost."""

from collections.abc import AsyncIterator, Mapping

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.namespaces import PUBLIC
from chimera_cli.adapters.postgres_engine import open_engine
from chimera_cli.adapters.postgres_record import PostgresRecord
from chimera_cli.adapters.postgres_recovery import PostgresRecovery
from chimera_cli.adapters.redis_client import open_redis
from chimera_cli.adapters.redis_recovery import RedisRecovery
from chimera_cli.exceptions import SwarmError
from chimera_cli.models.check import Check
from chimera_cli.models.epoch import ShardRecord, StaleEpoch
from chimera_cli.models.recovery import Recovery, Survey

NAMED = 5
"""Tasks that a line names."""


async def recovery_checks(
    redis_url: str, database_url: str, keys: Keys, *, schema: str = PUBLIC
) -> AsyncIterator[Check]:
    """Say which shards stand still, and what was done after the last interruption; nothing when a server is away or empty."""
    engine = open_engine(database_url, schema=schema)
    try:
        records = await PostgresRecovery(engine).known()  # First: an epoch that begins after it is no replacement.
        async with open_redis(redis_url, looks=True) as client:
            recovery = RedisRecovery(client, keys)
            surveys = {shard: await recovery.survey(shard) for shard in range(keys.shards)}
        record = PostgresRecord(engine)
        last, fresh = await record.recovery(), (await record.ledger()).submitted == 0
        lost, stuck = await record.lost_posts(NAMED + 1), await record.stuck()
    except SwarmError:
        return  # The checks of the servers tell why.
    finally:
        await engine.dispose()
    yield compared_check(surveys, records, fresh=fresh)
    yield loss_check(last)
    yield posts_check(lost)
    yield stuck_check(stuck)


def compared_check(surveys: Mapping[int, Survey], records: Mapping[int, ShardRecord], *, fresh: bool = False) -> Check:
    """Tell whether work may move; with `fresh` there never was any."""
    name = "redis compared"
    for shard, survey in surveys.items():
        if survey.replaced(record := records.get(shard, ShardRecord())):
            stale = StaleEpoch(survey.epoch, record.epoch)
            return Check(name=name, ok=False, detail=f"shard {shard}: {stale.message}", mend=stale.hint)
    standing = [shard for shard, survey in surveys.items() if not survey.vouched]
    if standing and fresh:
        return Check(name=name, ok=True, detail="nothing was ever put in")
    if not standing:
        return Check(name=name, ok=True, detail="what it holds was compared with the record")
    detail = f"{len(standing)} of {len(surveys)} shards stand still until they are compared with the record"
    return Check(name=name, ok=True, warn=True, detail=detail, mend="chimera worker, or any other role: it does that")


def loss_check(last: Recovery | None) -> Check:
    """Tell what was lost within a day, and made up for."""
    name = "redis recovery"
    if last is None:
        return Check(name=name, ok=True, detail="no interruption within a day")
    at = f"{last.at:%Y-%m-%dT%H:%M:%SZ}: " if last.at else ""
    return Check(name=name, ok=True, warn=not last.lossless, detail=f"{at}{last.sentence}")


def stuck_check(stuck: int) -> Check:
    """Tell of live tasks that the sweep found in no place and could not put back."""
    if not stuck:
        return Check(name="stuck", ok=True, detail="each live task that was looked at stands where its status says")
    detail = f"{stuck} live tasks stand nowhere in Redis and could not be put back yet"
    return Check(
        name="stuck", ok=False, detail=detail, mend="mend what `chimera doctor` says of Redis; any role sweeps again"
    )


def posts_check(lost: list[str]) -> Check:
    """Tell which completed tasks made a post that the outbox does not hold."""
    name = "outbox complete"
    if not lost:
        return Check(name=name, ok=True, detail="it holds the posts of all completed tasks")
    more = " and more" if len(lost) > NAMED else ""
    detail = f"Postgres came back without posts of completed tasks: {', '.join(lost[:NAMED])}{more}"
    return Check(name=name, ok=True, warn=True, detail=detail, mend="chimera tasks show ID tells what was approved")
