"""The clocks of the servers behind the shards, a script call a look."""

from collections.abc import Sequence

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import RedisClient
from chimera_cli.adapters.redis_errors import redis_errors
from chimera_cli.adapters.scripts import Scripts
from chimera_cli.models.server_clock import ClockJudgement, ClockReading, ClockState
from chimera_cli.ports.server_clock import FLEET


class RedisClocks:
    """Implements ServerClocksPort."""

    def __init__(self, client: RedisClient, keys: Keys) -> None:
        self._scripts = Scripts(client)
        self._tags = {**{str(shard): keys.shard(shard) for shard in range(keys.shards)}, FLEET: keys.fleet}

    @property
    def names(self) -> Sequence[str]:
        """Name the shards and the fleet: on a cluster, each may be on a node of its own."""
        return tuple(self._tags)

    async def read(
        self, name: str, *, record: int | None, judgement: ClockJudgement | None = None, offset: int = 0
    ) -> ClockReading:
        """Read one clock."""
        judged = ("", "") if judgement is None else (judgement.since, judgement.step)
        now = "" if record is None else record
        with redis_errors():
            reply = await self._scripts.call("clock", self._tags[name], now, *judged, offset)
        state, at, believed, record_then, since, step, offset_now = reply
        return ClockReading(
            state=ClockState(state),
            at=int(at),
            believed=int(believed),
            record=_whole(record_then),
            since=_whole(since),
            step=int(step),
            offset=int(offset_now),
        )


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
