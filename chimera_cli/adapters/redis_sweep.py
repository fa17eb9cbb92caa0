"""The sweep's look into Redis: where live tasks stand, a call a shard."""

from collections.abc import Sequence

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import RedisClient
from chimera_cli.adapters.redis_errors import redis_errors
from chimera_cli.adapters.redis_shards import on_each
from chimera_cli.adapters.scripts import Scripts
from chimera_cli.models.identity import canonical_json, shard_of
from chimera_cli.models.standing import Standing, StillTask, StillTasks


class RedisStandings:
    """Implements StandingsPort."""

    def __init__(self, client: RedisClient, keys: Keys) -> None:
        self._keys = keys
        self._scripts = Scripts(client)

    async def inspect(self, page: StillTasks, *, mend: bool = False) -> Sequence[Standing]:
        """Tell how each task of the page stands."""
        parts: dict[int, list[StillTask]] = {}
        for task in page.tasks:
            parts.setdefault(shard_of(task.goal_id, self._keys.shards), []).append(task)
        found = await on_each(self._inspect(shard, page.of(tuple(part)), mend) for shard, part in parts.items())
        standings = {id: standing for some in found for id, standing in some.items()}
        return [standings[task.id] for task in page.tasks]

    async def _inspect(self, shard: int, part: StillTasks, mend: bool) -> dict[str, Standing]:
        tasks = [
            {
                "id": task.id,
                "goal": task.goal_id,
                "version": task.version,
                "status": task.status,
                "deps": list(task.dependencies),
            }
            for task in part.tasks
        ]
        query = canonical_json(tasks), canonical_json(dict(part.states)), int(mend)
        with redis_errors():
            reply = await self._scripts.call("inspect", self._keys.shard(shard), *query)
        return {task.id: Standing(text) for task, text in zip(part.tasks, reply, strict=True)}
