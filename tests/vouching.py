"""Lets tests use shards that no reconciler has compared with a record."""

from datetime import timedelta

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import RedisClient
from chimera_cli.adapters.redis_recovery import RedisRecovery
from chimera_cli.models.recovery import Mandate


async def vouch(client: RedisClient, keys: Keys) -> None:
    """Vouch for every shard of a swarm, as the reconciler does for one whose record is empty."""
    recovery = RedisRecovery(client, keys)
    for shard in range(keys.shards):
        survey = await recovery.survey(shard)
        if not survey.vouched:
            await recovery.survey(shard, turn=1)
            assert await recovery.vouch(Mandate(shard=shard, run=survey.run, turn=1), grace=timedelta(0))
            await client.delete(f"{keys.shard(shard)}:turn")  # Tests bring turns of their own, from 0 on.
