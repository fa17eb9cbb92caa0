"""What a Redis says of itself: which swarm it belongs to, and which run of which server it is."""

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import RedisClient
from chimera_cli.adapters.redis_errors import redis_errors
from chimera_cli.adapters.redis_recovery import RedisRecovery
from chimera_cli.adapters.scripts import Scripts
from chimera_cli.models.pairing import RedisHolding, RedisIdentity

#: Keys of one page of a scan.
PAGE = 500


class RedisIdentities:
    """Implements RedisIdentityPort."""

    def __init__(self, client: RedisClient, keys: Keys, address: str) -> None:
        self._client, self._keys, self._address = client, keys, address
        self._scripts = Scripts(client)

    async def look(self) -> RedisHolding:
        """Read what Redis says of itself, in one call."""
        with redis_errors():
            run, text, shards, mark = await self._scripts.call("identity", self._keys.fleet)
        noted = int(shards) if shards.isdecimal() else 0
        return RedisHolding(address=self._address, run=run, text=text, mark=mark, shards=noted)

    async def used(self) -> bool:
        """Tell whether it holds work of the namespace: some shard has had an event."""
        recovery = RedisRecovery(self._client, self._keys)
        return any([(await recovery.survey(shard)).newest for shard in range(self._keys.shards)])

    async def write(self, identity: RedisIdentity, *, mark: str) -> bool:
        """Write the identity if what stands there still has the mark; else write nothing and return False."""
        with redis_errors():
            return int(await self._scripts.call("bind", self._keys.fleet, mark, identity.written())) == 1

    async def empty(self) -> None:
        """Forget all shards of the namespace, also those that other settings had made.

        First that somebody vouches for them, so that nothing moves meanwhile.
        """
        with redis_errors():
            for shard in range(self._keys.shards):
                await self._client.delete(f"{self._keys.shard(shard)}:run")
            async for name in self._client.scan_iter(match=f"{{chimera:{self._keys.namespace}:*", count=PAGE):
                await self._client.unlink(name)
            # A release without identities noted the number of shards here; it may be another one now.
            await self._client.delete(f"{self._keys.fleet}:shards")
