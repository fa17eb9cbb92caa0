"""The reconciler's hands in Redis: looking at a shard that nobody vouches for, and letting it go on."""

from datetime import timedelta
from typing import Any

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import RedisClient
from chimera_cli.adapters.redis_errors import redis_errors
from chimera_cli.adapters.scripts import Scripts
from chimera_cli.models.recovery import Survey


class RedisRecovery:
    """Implements RecoveryPort."""

    def __init__(self, client: RedisClient, keys: Keys) -> None:
        self._keys = keys
        self._scripts = Scripts(client)

    async def survey(self, shard: int, *, turn: int = 0) -> Survey:
        """Look at a shard; with a turn, keep all who began under an older one from doing anything more."""
        vouched, run, newest, vouched_run = await self._on_shard("survey", shard, turn)
        return Survey(vouched=vouched == 1, run=run, newest=newest, vouched_run=vouched_run)

    async def vouch(self, shard: int, survey: Survey, *, turn: int, recorded: str, grace: timedelta) -> bool:
        """Let the shard go on; False when that is no longer ours to say."""
        grace_ms = int(grace.total_seconds() * 1000)
        return int(await self._on_shard("vouch", shard, survey.run, turn, recorded, grace_ms)) == 1

    async def _on_shard(self, script: str, shard: int, *args: str | int) -> Any:
        with redis_errors():
            return await self._scripts.call(script, self._keys.shard(shard), *args)
