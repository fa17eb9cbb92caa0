"""Orders carried out on Redis: a goal stopped, let go on, its tasks cancelled; in bounded calls."""

from collections.abc import Mapping
from typing import Any

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import RedisClient
from chimera_cli.adapters.redis_errors import redis_errors
from chimera_cli.adapters.scripts import Scripts
from chimera_cli.models.delivery import Stage
from chimera_cli.models.epoch import NO_EPOCHS, Epochs
from chimera_cli.models.identity import canonical_json, shard_of
from chimera_cli.models.order import Fate, Order

#: Tasks or leases that one call deals with: a few ms of the server's time.
AT_ONCE = 200
ANY_LIFE = -1


class RedisControl:
    """Implements ControlPort."""

    def __init__(self, client: RedisClient, keys: Keys) -> None:
        self._scripts = Scripts(client)
        self._keys = keys

    async def pause(self, order: Order, *, epochs: Epochs = NO_EPOCHS) -> int:
        """Stop a goal, then take back what agents hold of it."""
        if not await self._call("pause", epochs, order.goal_id, order.goal_id, order.seq):
            return 0
        return sum([await self._recall(order, stage, epochs) for stage in Stage])

    async def go_on(self, order: Order, *, epochs: Epochs = NO_EPOCHS) -> int:
        """Let a paused goal go on."""
        entered = 0
        while more := int(await self._call("go_on", epochs, order.goal_id, order.goal_id, order.seq, AT_ONCE)):
            entered += more
        return entered

    async def cancel(
        self,
        goal_id: str,
        lives: Mapping[str, int | None],
        *,
        operator: str,
        reason: str,
        epochs: Epochs = NO_EPOCHS,
    ) -> list[Fate]:
        """End live tasks of a goal as CANCELLED."""
        fates: list[Fate] = []
        pairs = [[id, ANY_LIFE if life is None else life] for id, life in lives.items()]
        for start in range(0, len(pairs), AT_ONCE):
            some = canonical_json(pairs[start : start + AT_ONCE])
            replies = await self._call("cancel", epochs, goal_id, some, operator, reason)
            fates += [Fate(reply) for reply in replies]
        return fates

    async def _recall(self, order: Order, stage: Stage, epochs: Epochs) -> int:
        """Walk over the leases from the last to end: those of the paused goal stay where they are, whatever moves around them."""
        before, taken = "+inf", 0
        while before:
            here = order.goal_id, stage, before, AT_ONCE, order.operator, f"its goal was {order.why}"
            before, back = await self._call("recall", epochs, order.goal_id, *here)
            taken += int(back)
        return taken

    async def _call(self, script: str, epochs: Epochs, goal_id: str, *args: str | int) -> Any:
        """Run a script on a goal's shard; the epoch is its last argument."""
        shard = shard_of(goal_id, self._keys.shards)
        with redis_errors():
            return await self._scripts.call(script, self._keys.shard(shard), *args, epochs.get(shard, 0))
