"""A Redis Cluster's client that listens to lists on several nodes at once, which no single command can."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from redis.asyncio import RedisCluster

Slot = tuple[str, ...]
"""Names of lists in one slot."""


class ListeningCluster(RedisCluster):
    """Knows one call more than redis-py: `hear`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._ears: dict[Slot, asyncio.Task[Any]] = {}

    async def hear(self, slots: Sequence[Slot], timeout: timedelta) -> None:
        """Wait until something can be taken from one of the lists, and take it: one blocked read a slot, each on a connection.

        What the others wait for is left to go on until their own timeout, and the next call listens to it: cancelling it would
        cost a connection each time. So a token may be taken in the name of a process that is busy by then.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout.total_seconds()):
                while True:
                    for slot in slots:
                        if slot not in self._ears:
                            self._ears[slot] = asyncio.create_task(
                                self._listen(slot, timeout), name=f"listen {slot[-1]}"
                            )
                    await asyncio.wait([self._ears[slot] for slot in slots], return_when=asyncio.FIRST_COMPLETED)
                    if any([self._ears.pop(slot).result() for slot in slots if self._ears[slot].done()]):
                        return

    async def aclose(self) -> None:
        """Close all connections, those that listen first."""
        ears = list(self._ears.values())
        self._ears.clear()
        for ear in ears:
            ear.cancel()
        await asyncio.gather(*ears, return_exceptions=True)
        await super().aclose()

    async def _listen(self, slot: Slot, timeout: timedelta) -> bool:
        return bool(await self.blpop(list(slot), timeout=timeout.total_seconds()))
