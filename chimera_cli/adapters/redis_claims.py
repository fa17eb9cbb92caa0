"""What a process takes out of the queue: shard after shard, at once or when a bell rings."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from uuid import uuid4

from redis.asyncio import Redis

from chimera_cli.adapters import redis_wire as wire
from chimera_cli.adapters.absent_shards import AbsentShards
from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import RedisClient
from chimera_cli.adapters.redis_cluster import ListeningCluster
from chimera_cli.adapters.redis_errors import redis_errors
from chimera_cli.adapters.scripts import Scripts
from chimera_cli.exceptions import SwarmError
from chimera_cli.models.delivery import Delivery, Malformed, Stage
from chimera_cli.models.identity import canonical_json
from chimera_cli.models.task import Priority

Which = Literal["others", "alone", "either"]
"""What claim.lua is asked for."""
Claimed = list[Delivery | Malformed]
"""What was taken."""
ROUSED = timedelta(seconds=10)
"""How long the own bell rings when nobody waits any more; longer than anybody waits."""
CLAIMS_A_CYCLE = 16
"""Of so many claims in a row that one process makes on one shard, one begins with the lowest priority and one with the middle one,
so that neither waits for ever."""
EXCEPTIONS = {CLAIMS_A_CYCLE // 2 - 1: Priority.NORMAL, CLAIMS_A_CYCLE - 1: Priority.LOW}
"""The claims of a cycle, counted from 0, that do not begin with the highest priority."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a process may claim."""

    stage: Stage
    """Tasks or results."""
    kinds: Sequence[str] = ()
    """Of these kinds; empty means any."""
    executes: bool = True
    """Whether execute phases are among them."""


class RedisClaims:
    """One process's hand in the lanes."""

    def __init__(
        self, client: RedisClient, keys: Keys, scripts: Scripts, lease: timedelta, *, first_claim: int = 0
    ) -> None:
        """Args:
        client: A Redis or a Cluster.
        keys: The namespace and its shards.
        scripts: Calls the scripts.
        lease: How long a claim holds.
        first_claim: Where in the cycle of priorities this process begins; processes that end after a few claims should differ.
        """
        self._client, self._keys, self._scripts = client, keys, scripts
        # One cycle a shard: with one for all, and as many shards as a cycle has claims, a shard would always be asked for the same.
        self._cycles = Counter(dict.fromkeys(range(keys.shards), first_claim))
        self._lease_ms = lease // timedelta(milliseconds=1)
        self._claims: Counter[Which] = Counter()  # One for all sorts could give each sort the same shards for ever.
        # One round trip goes to one shard, and a cluster's client has no pipeline for scripts.
        self._at_one_go = isinstance(client, Redis) and keys.shards == 1
        self._absent = AbsentShards(keys.shards)
        self._own_bell = f"{keys.shard(0)}:bell:{uuid4().hex}"

    async def take(self, agents: Sequence[str], wish: Wish, which: Which, *, patience: timedelta) -> Claimed:
        """Claim at most one delivery an agent, when a bell has rung or `patience` is over."""
        if patience and self._at_one_go:
            query = self._query(0, agents, wish, which)
            bells = self._bells(wish.stage, 0)
            with redis_errors():
                rows = await self._scripts.call_behind(bells, patience, "claim", self._keys.shard(0), *query)
            return _decoded(wish.stage, rows, 0)
        if patience:
            await self._hear(wish.stage, patience)
        return await self._take_now(agents, wish, which)

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

    async def _take_now(self, agents: Sequence[str], wish: Wish, which: Which) -> Claimed:
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
                with self._absent.asked(shard), redis_errors():
                    query = self._query(shard, free, wish, which)
                    rows = await self._scripts.call("claim", self._keys.shard(shard), *query)
            except SwarmError as error:
                failed = failed or error
            else:
                claimed += _decoded(wish.stage, rows, shard)
                if claimed and claimed[0].alone:
                    break
                which = "others" if claimed else which
        if failed and not claimed:
            raise failed  # Else the agents must be told of what they hold: a node that is away costs no other's tasks a lease.
        return claimed

    def _query(self, shard: int, agents: Sequence[str], wish: Wish, which: Which) -> tuple[str | int, ...]:
        first = Priority.HIGH
        if which != "alone":
            first = EXCEPTIONS.get(self._cycles[shard] % CLAIMS_A_CYCLE, first)
            self._cycles[shard] += 1
        kinds = canonical_json(list(wish.kinds))
        return wish.stage, self._lease_ms, canonical_json(list(agents)), kinds, which, first, int(wish.executes)


def _decoded(stage: Stage, rows: Sequence[Any], shard: int) -> Claimed:
    return [wire.decode_claim(stage, row, shard) for row in rows]
