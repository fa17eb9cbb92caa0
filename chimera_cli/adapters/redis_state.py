"""The goal's shared state, as Redis holds it: one hash a goal, so that it goes in one piece when the goal has ended."""

import json

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import RedisClient
from chimera_cli.adapters.redis_errors import redis_errors
from chimera_cli.models.identity import shard_of
from chimera_cli.models.result import VersionedValue


class RedisGlobalState:
    """Implements GlobalStatePort."""

    def __init__(self, client: RedisClient, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def read(self, goal_id: str, key: str) -> VersionedValue:
        """Return value and version of a key; version 0 and None when it is absent."""
        name = f"{self._keys.shard(shard_of(goal_id, self._keys.shards))}:s:{goal_id}"
        with redis_errors():
            version, value = await self._client.hmget(name, [f"v:{key}", f"d:{key}"])
        return VersionedValue(version=int(version or 0), value=json.loads(value or "null"))
