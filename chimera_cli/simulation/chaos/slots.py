"""Moves a slot of a Redis Cluster to another node, in the steps of `redis-cli --cluster reshard`."""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from redis import Redis

KEYS_AT_ONCE = 10
"""Keys of one MIGRATE, as redis-cli has it."""
WITHIN_MS = 5000
"""Longest time for one MIGRATE [ms]."""


class MovingSlots:
    """Connections to all nodes of a cluster that has no replicas."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._nodes: list[Any] = [Redis.from_url(url, decode_responses=True) for url in urls]
        self._ids = [str(node.execute_command("CLUSTER", "MYID")) for node in self._nodes]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for node in self._nodes:
            node.close()

    def owner(self, slot: int) -> int:
        """Tell which node has a slot, by its own account."""
        return next(number for number in range(len(self._nodes)) if self._has(number, slot))

    def move(self, slot: int, target: int) -> None:
        """Move a slot with all its keys.

        Raises:
            ResponseError: A key is on both nodes (BUSYKEY), or the nodes do not agree.
        """
        source = self.owner(slot)
        if source != target:
            self.begin(slot, source, target)
            while self.carry(slot, source, target):
                pass
            self.end(slot, source, target)

    def begin(self, slot: int, source: int, target: int) -> None:
        """Have both nodes know that the slot is on the move."""
        self._set(target, slot, "IMPORTING", self._ids[source])
        self._set(source, slot, "MIGRATING", self._ids[target])

    def carry(self, slot: int, source: int, target: int, count: int = KEYS_AT_ONCE) -> int:
        """Move some keys, and return how many. Raises ResponseError as `move` does."""
        names: Any = self._nodes[source].execute_command("CLUSTER", "GETKEYSINSLOT", slot, count)
        if names:
            options = self._nodes[target].get_connection_kwargs()
            auth = ("AUTH", options["password"]) if options.get("password") else ()
            where = options["host"], options["port"], "", 0, WITHIN_MS
            self._nodes[source].execute_command("MIGRATE", *where, *auth, "KEYS", *names)
        return len(names)

    def end(self, slot: int, source: int, target: int) -> None:
        """Give the slot to its new node, and tell all others."""
        others = [number for number in range(len(self._nodes)) if number not in (source, target)]
        for number in (target, source, *others):
            self._set(number, slot, "NODE", self._ids[target])

    def keys(self, node: int, slot: int) -> set[str]:
        """Name the keys of a slot on one node."""
        names: Any = self._nodes[node].execute_command("CLUSTER", "GETKEYSINSLOT", slot, 1_000_000)
        return set(names)

    def _set(self, node: int, slot: int, state: str, other: str) -> None:
        self._nodes[node].execute_command("CLUSTER", "SETSLOT", slot, state, other)

    def _has(self, node: int, slot: int) -> bool:
        ranges: Any = self._nodes[node].execute_command("CLUSTER", "SLOTS")
        return any(first <= slot <= last and owner[2] == self._ids[node] for first, last, owner, *_ in ranges)
