"""A Redis Cluster's client that listens to lists on several nodes at once, which no single command can."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from redis.asyncio import RedisCluster


class ListeningCluster(RedisCluster):
    """Knows one call more than redis-py: `hear`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._ears: dict[str, asyncio.Task[Any]] = {}

    async def hear(self, names: Sequence[str], timeout: timedelta) -> bool:
        """Wait until something can be taken from one of the lists, and take it: one blocked read a list, each on a connection.

        What the others wait for is left to go on until their own timeout, and the next call listens to it: cancelling it would
        cost a connection each time. So a token may be taken in the name of a process that is busy by then.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout.total_seconds()):
                while True:
                    for name in names:
                        if name not in self._ears:
                            self._ears[name] = asyncio.create_task(self._listen(name, timeout), name=f"listen {name}")
                    await asyncio.wait([self._ears[name] for name in names], return_when=asyncio.FIRST_COMPLETED)
                    if any([self._ears.pop(name).result() for name in names if self._ears[name].done()]):
                        return True
        return False

    async def aclose(self) -> None:
        """Close all connections, those that listen first."""
        ears = list(self._ears.values())
        self._ears.clear()
        for ear in ears:
            ear.cancel()
        await asyncio.gather(*ears, return_exceptions=True)
        await super().aclose()

    async def _listen(self, name: str, timeout: timedelta) -> bool:
        return bool(await self.blpop([name], timeout=timeout.total_seconds()))
