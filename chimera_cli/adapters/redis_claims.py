"""What a process takes out of the queue: shard after shard, at once or when a bell rings."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal
from uuid import uuid4

from redis.asyncio import Redis

from chimera_cli.adapters import redis_wire as wire
from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import RedisClient
from chimera_cli.adapters.redis_cluster import ListeningCluster
from chimera_cli.adapters.redis_errors import redis_errors
from chimera_cli.adapters.scripts import Scripts
from chimera_cli.exceptions import SwarmError
from chimera_cli.models.delivery import Delivery, Malformed, Stage
from chimera_cli.models.identity import canonical_json

Which = Literal["others", "alone", "either"]
"""What claim.lua is asked for."""
Claimed = list[Delivery | Malformed]
"""What was taken."""
ROUSED = timedelta(seconds=10)
"""How long the own bell rings when nobody waits any more; longer than anybody waits."""


class RedisClaims:
    """One process's hand in the lanes."""

    def __init__(self, client: RedisClient, keys: Keys, scripts: Scripts, lease: timedelta) -> None:
        self._client, self._keys, self._scripts = client, keys, scripts
        self._lease_ms = lease // timedelta(milliseconds=1)
        self._claims: Counter[Which] = Counter()  # One for all sorts could give each sort the same shards for ever.
        # One round trip goes to one shard, and a cluster's client has no pipeline for scripts.
        self._at_one_go = isinstance(client, Redis) and keys.shards == 1
        self._own_bell = f"{keys.shard(0)}:bell:{uuid4().hex}"

    async def take(
        self, stage: Stage, agents: Sequence[str], kinds: Sequence[str], which: Which, *, patience: timedelta
    ) -> Claimed:
        """Claim at most one delivery an agent, when a bell has rung or `patience` is over."""
        if patience and self._at_one_go:
            asked = self._asked(stage, agents, kinds, which)
            with redis_errors():
                rows = await self._scripts.call_behind(
                    self._bells(stage, 0), patience, "claim", self._keys.shard(0), *asked
                )
            return _decoded(stage, rows, 0)
        if patience:
            await self._hear(stage, patience)
        return await self._take_now(stage, agents, kinds, which)

    async def rouse(self) -> None:
        """Ring the bell that only this process hears."""
        with redis_errors():
            pipe: Any = self._client.pipeline(transaction=False)
            pipe.rpush(self._own_bell, 1)
            pipe.pexpire(self._own_bell, ROUSED)
            await pipe.execute()

    async def _hear(self, stage: Stage, timeout: timedelta) -> None:
        bells = [self._bells(stage, shard) for shard in range(self._keys.shards)]
        with redis_errors():
            if isinstance(self._client, ListeningCluster):
                await self._client.hear(bells, timeout)
            else:
                await self._client.blpop([bell for some in bells for bell in some], timeout=timeout.total_seconds())

    def _bells(self, stage: Stage, shard: int) -> tuple[str, ...]:
        bell = f"{self._keys.shard(shard)}:{stage}:bell"
        return (self._own_bell, bell) if shard == 0 else (bell,)

    async def _take_now(self, stage: Stage, agents: Sequence[str], kinds: Sequence[str], which: Which) -> Claimed:
        """Go from shard to shard, each time beginning with another one."""
        claimed: Claimed = []
        failed: SwarmError | None = None
        shards, first = self._keys.shards, self._claims[which]
        self._claims[which] += 1
        for shard in ((first + step) % shards for step in range(shards)):
            free = agents[len(claimed) :]
            if not free:
                break
            try:
                with redis_errors():
                    asked = self._asked(stage, free, kinds, which)
                    rows = await self._scripts.call("claim", self._keys.shard(shard), *asked)
            except SwarmError as error:
                failed = failed or error
            else:
                claimed += _decoded(stage, rows, shard)
                if claimed and claimed[0].alone:
                    break
                which = "others" if claimed else which
        if failed and not claimed:
            raise failed  # Else the agents must be told of what they hold: a node that is away costs no other's tasks a lease.
        return claimed

    def _asked(self, stage: Stage, agents: Sequence[str], kinds: Sequence[str], which: Which) -> tuple[str | int, ...]:
        return stage, self._lease_ms, canonical_json(list(agents)), canonical_json(list(kinds)), which


def _decoded(stage: Stage, rows: Sequence[Any], shard: int) -> Claimed:
    return [wire.decode_claim(stage, row, shard) for row in rows]
