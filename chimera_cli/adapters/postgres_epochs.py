"""The epochs of the shards in Postgres: begun under the record's lock, and held while something is stored that is true in one of
them only."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from chimera_cli.models.epoch import Epochs, ShardRecord, StaleEpoch

KNOWN = text("SELECT shard, last_entry, epoch, run, clock_timestamp() - seen_at AS seen FROM shards")
"""What is known of every shard."""

HOLD = text("""
    SELECT shard, epoch FROM shards WHERE shard = ANY(CAST(:shards AS bigint[])) ORDER BY shard FOR KEY SHARE
""")
"""Keep the epochs of these shards until the transaction ends. It conflicts with LOCK alone, not with those who record."""

LOCK = text("SELECT FROM shards WHERE shard = :shard FOR UPDATE")
"""Wait for all who hold the epoch."""

BEGIN = text("""
    INSERT INTO shards (shard, last_entry, epoch, run, seen_at) VALUES (:shard, '', :above + 1, :run, clock_timestamp())
    ON CONFLICT (shard) DO UPDATE
    SET epoch = greatest(shards.epoch, :above) + 1, run = excluded.run, seen_at = excluded.seen_at
    RETURNING epoch
""")
"""Begin an epoch above both numbers, the record's and the one that Redis has."""

NOTE_USE = text("UPDATE shards SET seen_at = clock_timestamp() WHERE shard = :shard AND epoch = :epoch")
"""A process works with the Redis of this epoch."""


async def known(connection: AsyncConnection) -> dict[int, ShardRecord]:
    """Return what is known of the shards."""
    rows = await connection.execute(KNOWN)
    return {row.shard: ShardRecord(reached=row.last_entry, epoch=row.epoch, run=row.run, seen=row.seen) for row in rows}


async def read(connection: AsyncConnection) -> Epochs:
    """Return the epoch of each shard."""
    return {shard: record.epoch for shard, record in (await known(connection)).items()}


async def hold(connection: AsyncConnection, epochs: Epochs) -> None:
    """Keep epochs as they are until the transaction ends.

    Raises:
        StaleEpoch: One of them is over.
    """
    if not epochs:
        return
    rows = await connection.execute(HOLD, {"shards": sorted(epochs)})
    current = {row.shard: row.epoch for row in rows}
    for shard, epoch in epochs.items():
        demand(epoch, current.get(shard, 0))


def demand(epoch: int, current: int) -> None:
    """Make sure that what comes from a Redis comes from the current one.

    Raises:
        StaleEpoch: It does not.
    """
    if epoch != current:
        raise StaleEpoch(epoch, current)


async def begin(connection: AsyncConnection, shard: int, *, above: int, run: str) -> int:
    """Begin an epoch for a server run, under the record's lock, and return its number."""
    await connection.execute(LOCK, {"shard": shard})
    number: int = (await connection.execute(BEGIN, {"shard": shard, "above": above, "run": run})).scalar_one()
    return number
