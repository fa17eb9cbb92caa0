"""The reconciler's hands in Redis: looking at a shard that nobody vouches for, putting it right, letting it go on."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from redis.asyncio import Redis

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.push_wire import parcels
from chimera_cli.adapters.redis_client import RedisClient
from chimera_cli.adapters.redis_errors import redis_errors
from chimera_cli.adapters.scripts import Scripts
from chimera_cli.exceptions import BackendUnavailable
from chimera_cli.models.delivery import Dispatch
from chimera_cli.models.epoch import ShardRecord
from chimera_cli.models.identity import canonical_json
from chimera_cli.models.recovery import Mandate, Pause, Survey

#: Keys of one page of a scan.
PAGE = 500
UNKNOWN = ShardRecord()


class RedisRecovery:
    """Implements RecoveryPort."""

    def __init__(self, client: RedisClient, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._scripts = Scripts(client)

    async def survey(self, shard: int, *, turn: int = 0, record: ShardRecord = UNKNOWN) -> Survey:
        """Look at a shard; with a turn, make void what began under an older one."""
        reply = await self._on_shard("survey", shard, turn, record.reached, record.epoch)
        vouched, run, newest, vouched_run, rebuilding, recorded, epoch, deposed = reply
        return Survey(
            vouched=vouched == 1,
            run=run,
            newest=newest,
            vouched_run=vouched_run,
            rebuilding=rebuilding == 1,
            recorded=recorded,
            epoch=epoch,
            deposed=deposed == 1,
        )

    async def versions(self, shard: int, task_ids: Sequence[str]) -> list[int]:
        """Return the number of status changes of each task; -1 for one that is unknown."""
        return list(await self._on_shard("standing", shard, canonical_json(list(task_ids)))) if task_ids else []

    async def rebuild(self, mandate: Mandate, *, recorded: str) -> None:
        """Note that the shard lacks some of its past."""
        await self._under(mandate, "rebuild", mandate.run, mandate.turn, recorded)

    async def wipe(self, mandate: Mandate) -> None:
        """Forget what the shard still holds, page by page."""
        page: list[str] = []
        prefix = f"{self._keys.shard(mandate.shard)}:"
        with redis_errors():
            async for name in self._client.scan_iter(match=f"{prefix}*", count=PAGE):
                page.append(name.removeprefix(prefix))
                if len(page) == PAGE:
                    await self._under(mandate, "wipe", mandate.run, mandate.turn, canonical_json(page))
                    page = []
        await self._under(mandate, "wipe", mandate.run, mandate.turn, canonical_json(page))

    async def restore(self, mandate: Mandate, dispatches: Sequence[Dispatch]) -> int:
        """Put tasks where the record has them, in chunks."""
        return sum(
            [await self._under(mandate, "push", *parcel, mandate.run, mandate.epoch) for parcel in parcels(dispatches)]
        )

    async def vouch(self, mandate: Mandate, *, grace: timedelta, paused: Sequence[Pause] = ()) -> bool:
        """Let the shard go on; False when the mandate is void."""
        grace_ms = int(grace.total_seconds() * 1000)
        goals = canonical_json([[pause.goal_id, pause.order] for pause in paused])
        given = mandate.run, mandate.turn, grace_ms, goals, mandate.epoch
        return int(await self._on_shard("vouch", mandate.shard, *given)) == 1

    async def depose(self, shard: int, run: str, epoch: int) -> None:
        """Have a shard stand still whose server was replaced, and let go of idle connections: the next ones may lead elsewhere."""
        try:
            await self._on_shard("depose", shard, run, epoch)
        finally:
            if isinstance(self._client, Redis):
                await self._client.connection_pool.disconnect(inuse_connections=False)

    async def _under(self, mandate: Mandate, script: str, *args: str | int) -> int:
        reply = int(await self._on_shard(script, mandate.shard, *args))
        if reply < 0:
            raise BackendUnavailable(
                "Redis", "it was started anew, lost its data, or somebody else compares it with the record"
            )
        return reply

    async def _on_shard(self, script: str, shard: int, *args: str | int) -> Any:
        with redis_errors():
            return await self._scripts.call(script, self._keys.shard(shard), *args)
