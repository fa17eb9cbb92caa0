"""The names of all keys in Redis, a schema of its own; lua/transition.lua and lua/beat.lua tell what is in each."""

from binascii import crc_hqx
from functools import cache
from itertools import count

FAMILIES = (
    "<stage>:w:<lane>",
    "<stage>:last:<lane>",
    "<stage>:turns",
    "<stage>:q:<kind>:<priority>",
    "<stage>:lanes",
    "<stage>:warden",
    "<stage>:lease",
    "<stage>:delay",
    "<stage>:parked",
    "<stage>:bell",
    "bell:<process>",
    "t:<id>",
    "c:<id>",
    "settle",
    "deadline",
    "<stage>:aside:<goal>",
    "g:<goal>",
    "s:<goal>",
    "out",
    "run",
    "epoch",
    "turn",
    "grace",
    "recorded",
    "rebuilding",
    "clock",
)
"""Suffixes of a shard's keys, behind its tag. A test takes each family away under a live swarm: all tasks must end."""
SLOTS = 16384
"""Slots of a Redis Cluster; what stands between the braces of a key decides on its slot."""


class Keys:
    """Key names of one swarm. A shard's keys share a hash tag, so that one script may touch them on a Redis Cluster."""

    def __init__(self, namespace: str, shards: int = 1) -> None:
        """Args:
        namespace: Sets swarms on one Redis apart.
        shards: Number of shards, at least 1.
        """
        self.namespace = namespace
        self.shards = shards

    def shard(self, index: int) -> str:
        """Return T, the tag that all keys of a shard start with."""
        return _tag(f"chimera:{self.namespace}:{index}", index, self.shards)

    @property
    def fleet(self) -> str:
        """Return the tag of the keys that belong to no shard."""
        return f"{{chimera:{self.namespace}}}"


@cache
def _tag(name: str, index: int, shards: int) -> str:
    """Find a tag with its slot in the shard's own part of all slots.

    The nodes of a fresh cluster hold equal ranges of slots, so three shards stand on three nodes. Left to chance, that would be
    so in two cases of nine, and in one of nine a single node would hold them all.
    """
    for salt in count():
        tag = f"{name}:{salt}" if salt else name
        if slot(tag) * shards // SLOTS == index:
            break
    return f"{{{tag}}}"


def slot(tag: str) -> int:
    """Tell in which slot of a Redis Cluster the keys with a tag are."""
    return crc_hqx(tag.encode(), 0) % SLOTS


def declared(tag: str) -> tuple[int, str, str]:
    """Return the keys that each script call declares: their number, and two that never exist. ADR 0029 says why."""
    return 2, tag, f"{tag}:probe"
