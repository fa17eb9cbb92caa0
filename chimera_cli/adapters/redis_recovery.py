"""The reconciler's hands in Redis: looking at a shard that nobody vouches for, putting it right, letting it go on."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

from chimera_cli.adapters import redis_wire as wire
from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import RedisClient
from chimera_cli.adapters.redis_errors import redis_errors
from chimera_cli.adapters.scripts import Scripts
from chimera_cli.exceptions import BackendUnavailable
from chimera_cli.models.delivery import Dispatch
from chimera_cli.models.identity import canonical_json
from chimera_cli.models.recovery import End, Mandate, Pause, Survey, Value

#: Tasks put back, or ended, in one call: some ms of the server's time.
CHUNK = 100
#: Keys of one page of a scan.
PAGE = 500


class RedisRecovery:
    """Implements RecoveryPort."""

    def __init__(self, client: RedisClient, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._scripts = Scripts(client)

    async def survey(self, shard: int, *, turn: int = 0) -> Survey:
        """Look at a shard; with a turn, make void what began under an older one."""
        vouched, run, newest, vouched_run, rebuilding = await self._on_shard("survey", shard, turn)
        return Survey(vouched=vouched == 1, run=run, newest=newest, vouched_run=vouched_run, rebuilding=rebuilding == 1)

    async def versions(self, shard: int, task_ids: Sequence[str]) -> list[int]:
        """Return the number of status changes of each task; -1 for one that is unknown."""
        return list(await self._on_shard("standing", shard, canonical_json(list(task_ids)))) if task_ids else []

    async def known(self, shard: int) -> AsyncIterator[tuple[list[str], list[str]]]:
        """Go through the ids of all tasks, and of all goals, that the shard knows, page by page."""
        tasks, goals = f"{self._keys.shard(shard)}:t:", f"{self._keys.shard(shard)}:g:"
        page: list[str] = []
        with redis_errors():
            async for name in self._client.scan_iter(match=f"{self._keys.shard(shard)}:[tg]:*", count=PAGE):
                page.append(name)
                if len(page) == PAGE:
                    yield _ids(page, tasks), _ids(page, goals)
                    page = []
        yield _ids(page, tasks), _ids(page, goals)

    async def rebuild(self, mandate: Mandate, *, recorded: str) -> None:
        """Note that the shard lacks some of its past."""
        await self._under(mandate, "rebuild", mandate.run, mandate.turn, recorded)

    async def restore(self, mandate: Mandate, dispatches: Sequence[Dispatch]) -> int:
        """Put tasks where the record has them, in chunks."""
        restored = 0
        for chunk in wire.chunks(dispatches, CHUNK):
            if chunk:
                restored += await self._under(mandate, "push", *wire.encode_push(chunk), mandate.run)
        return restored

    async def restate(self, mandate: Mandate, values: Sequence[Value]) -> int:
        """Put values back to their recorded versions where they are behind."""
        rows = [[kept.goal_id, kept.key, kept.version, canonical_json(kept.value)] for kept in values]
        return await self._under(mandate, "restate", mandate.run, mandate.turn, canonical_json(rows)) if rows else 0

    async def drop(self, mandate: Mandate, ended: Sequence[End], goals: Sequence[str]) -> int:
        """End tasks that have ended by the record, and forget goals."""
        rows = [[end.task_id, end.status, end.version, canonical_json(end.output)] for end in ended]
        if not rows and not goals:
            return 0
        known = canonical_json(rows), canonical_json(list(goals))
        return await self._under(mandate, "drop", mandate.run, mandate.turn, *known)

    async def vouch(self, mandate: Mandate, *, grace: timedelta, paused: Sequence[Pause] = ()) -> bool:
        """Let the shard go on; False when the mandate is void."""
        grace_ms = int(grace.total_seconds() * 1000)
        goals = canonical_json([[pause.goal_id, pause.order] for pause in paused])
        return int(await self._on_shard("vouch", mandate.shard, mandate.run, mandate.turn, grace_ms, goals)) == 1

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


def _ids(names: Sequence[str], prefix: str) -> list[str]:
    return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
