"""The reconciler's hands in Redis: looking at a shard that nobody vouches for, putting it right, letting it go on."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.push_wire import cut, parcels
from chimera_cli.adapters.redis_client import RedisClient
from chimera_cli.adapters.redis_errors import redis_errors
from chimera_cli.adapters.scripts import Scripts
from chimera_cli.exceptions import BackendUnavailable
from chimera_cli.models.delivery import Dispatch
from chimera_cli.models.identity import canonical_json
from chimera_cli.models.recovery import End, Mandate, Pause, Survey, Value

#: Keys of one page of a scan. Of those that have ended the outputs are read, which may be a megabyte each.
PAGE = 100
Row = tuple[str | int, ...]


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
        return sum([await self._under(mandate, "push", *parcel, mandate.run) for parcel in parcels(dispatches)])

    async def restate(self, mandate: Mandate, values: Sequence[Value]) -> int:
        """Put values back to their recorded versions where they are behind."""
        rows: list[Row] = [(kept.goal_id, kept.key, kept.version, canonical_json(kept.value)) for kept in values]
        parts = cut(rows, _length)
        return sum(
            [await self._under(mandate, "restate", mandate.run, mandate.turn, canonical_json(part)) for part in parts]
        )

    async def drop(self, mandate: Mandate, ended: Sequence[End], goals: Sequence[str]) -> int:
        """End tasks that have ended by the record, and forget goals."""
        rows: list[Row] = [(end.task_id, end.status, end.version, canonical_json(end.output)) for end in ended]
        parts = [(canonical_json(part), "[]") for part in cut(rows, _length)]
        parts += [("[]", canonical_json(part)) for part in cut(goals, len)]
        return sum([await self._under(mandate, "drop", mandate.run, mandate.turn, *part) for part in parts])

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


def _length(row: Row) -> int:
    return len(str(row[-1]))
