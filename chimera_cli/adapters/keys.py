"""The names of all keys in Redis, a schema of its own; lua/transition.lua and lua/beat.lua list the suffixes."""


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
        return f"{{chimera:{self.namespace}:{index}}}"

    @property
    def fleet(self) -> str:
        """Return the tag of the keys that belong to no shard."""
        return f"{{chimera:{self.namespace}}}"
