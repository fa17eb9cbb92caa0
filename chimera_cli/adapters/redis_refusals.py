"""Which shards refused a process's writes, so that it takes no lease back there that could not be prolonged."""

from collections.abc import Iterator
from contextlib import contextmanager

from chimera_cli.models.refusal import WritesRefused


class Refusals:
    """What one process saw refused since it last took leases back."""

    def __init__(self) -> None:
        self._shards: set[int] = set()

    @contextmanager
    def noticed(self, shard: int) -> Iterator[None]:
        """Note when a call on a shard is refused."""
        try:
            yield
        except WritesRefused:
            self._shards.add(shard)
            raise

    @contextmanager
    def spared(self, shard: int) -> Iterator[bool]:
        """Tell whether writes were refused there; that is over when the block ends well."""
        refused = shard in self._shards
        self._shards.discard(shard)  # At once: what is refused meanwhile is noted again.
        try:
            yield refused
        except BaseException:
            if refused:
                self._shards.add(shard)
            raise
