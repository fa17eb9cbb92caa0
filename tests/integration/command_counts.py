"""What a piece of work costs a server, counted in commands and statements: the same on a slow machine as on a fast one."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis.asyncio import Redis
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine


class RedisCommands(Counter[str]):
    """Counts what a Redis executes while it is open, commands that scripts give included; nobody else may use the server."""

    def __init__(self, redis_url: str) -> None:
        super().__init__()
        self._client = Redis.from_url(redis_url, decode_responses=True, protocol=2)
        self._before: Counter[str] = Counter()

    async def __aenter__(self) -> "RedisCommands":
        await self._client.ping()
        self._before = await self._calls()
        return self

    async def __aexit__(self, *_: object) -> None:
        # The look before is in the figures of the look after.
        self.update(await self._calls() - self._before - Counter(info=1))
        await self._client.aclose()

    async def _calls(self) -> Counter[str]:
        stats: dict[str, Any] = await self._client.info("commandstats")
        return Counter({name.removeprefix("cmdstat_"): int(stat["calls"]) for name, stat in stats.items()})


@contextmanager
def statements(engine: AsyncEngine) -> Iterator[list[str]]:
    """Collect the statements that go to Postgres."""
    heard: list[str] = []

    def hear(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        heard.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", hear)
    try:
        yield heard
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", hear)
