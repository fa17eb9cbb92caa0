"""A Redis Cluster's client that listens to lists on several nodes at once, which no single command can."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from redis.asyncio import RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ClusterError

from chimera_cli.adapters.redis_errors import DRIVER_ERRORS

Slot = tuple[str, ...]
"""Names of lists in one slot."""


class ListeningCluster(RedisCluster):
    """Knows two calls more than redis-py: `hear` and `end`. It tries a command once, and keeps its connections. ADR 0029."""

    def __init__(self, *args: Any, **options: Any) -> None:
        # A command that is repeated blindly may be done twice. Whoever calls repeats it, and knows what that means.
        once = Retry(NoBackoff(), 0)
        super().__init__(*args, **{"retry": once, "reinitialize_steps": 0, **options})
        self._ears: dict[Slot, asyncio.Task[bool]] = {}

    async def hear(self, slots: Sequence[Slot], timeout: timedelta) -> None:
        """Wait until something can be taken from one of the lists, and take it: one blocked read a slot, each on a connection.

        What the others wait for is left to go on until their own timeout, and the next call listens to it: cancelling it would
        cost a connection each time. So a token may be taken in the name of a process that is busy by then.

        A list whose node is away is not heard, and keeps no other from being heard.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout.total_seconds()):
                while True:
                    ears = {slot: self._ear(slot, timeout) for slot in slots}
                    await asyncio.wait(ears.values(), return_when=asyncio.FIRST_COMPLETED)
                    if any([self._heard(slot, ear) for slot, ear in ears.items() if ear.done()]):
                        return

    async def initialize(
        self,
        additional_startup_nodes_info: list[tuple[str, int]] | None = None,
        last_failed_node_name: str | None = None,
    ) -> RedisCluster:
        """Read which node has which slot, and which commands there are.

        The node that failed last is asked last: all calls wait meanwhile, also those to nodes that answer. redis-py forgets it
        between two calls, and asks the first node that it knows for its commands, each time the same one.
        """
        failed = last_failed_node_name or next(reversed(self.nodes_manager.startup_nodes), None)
        try:
            return await super().initialize(additional_startup_nodes_info, failed)
        except DRIVER_ERRORS:
            for node in self.get_primaries()[:1]:
                self.nodes_manager.move_node_to_end_of_cached_nodes(node.name)
            raise

    def get_node(self, *args: Any, **options: Any) -> ClusterNode:
        """Return a node that is known.

        Raises:
            ClusterError: A slot is being moved to a node that had none before, of which the map of slots does not tell.
        """
        node = super().get_node(*args, **options)
        if node is None:
            raise ClusterError("a slot is being moved to a new node")
        return node

    async def aclose(self) -> None:
        """Have the map of slots read again before the next command.

        redis-py calls this in the middle of a command when a node no longer has a slot. It would close all connections, those on
        which others wait for a reply among them. `end` closes them.
        """
        self._initialize = True

    async def end(self) -> None:
        """Close all connections, those that listen first."""
        ears = list(self._ears.values())
        self._ears.clear()
        for ear in ears:
            ear.cancel()
        await asyncio.gather(*ears, return_exceptions=True)
        self._initialize = False  # Or nothing would be closed.
        await super().aclose()

    def _ear(self, slot: Slot, timeout: timedelta) -> asyncio.Task[bool]:
        """Return the read of a slot that goes on or was not asked for its reply yet, or begin one."""
        if slot not in self._ears:
            self._ears[slot] = asyncio.create_task(self._listen(slot, timeout), name=f"listen {slot[-1]}")
        return self._ears[slot]

    def _heard(self, slot: Slot, ear: asyncio.Task[bool]) -> bool:
        """Tell whether a read that ended got something, or was ended with the client; another call may have asked it before."""
        if self._ears.get(slot) is ear:
            del self._ears[slot]
        return ear.cancelled() or ear.result()

    async def _listen(self, slot: Slot, timeout: timedelta) -> bool:
        try:
            return bool(await self.blpop(list(slot), timeout=timeout.total_seconds()))
        except DRIVER_ERRORS:
            # The claim that follows finds out why, and says so. Until then other lists are listened to.
            await asyncio.sleep(timeout.total_seconds())
            return False
