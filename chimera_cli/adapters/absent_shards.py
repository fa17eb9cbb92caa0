"""Which shards a process does not ask for a while, since the last try was waited for in vain and kept the other shards waiting."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from chimera_cli.exceptions import BackendUnavailable, SwarmError

TIMES = 4
"""A shard is left out for as many times as long as it was waited for: so at most a fifth of the time is waited."""
MOST_S = 20.0
"""It is left out no longer than that."""


class AbsentShards:
    """The shards that did not answer in time, each until it is worth another try."""

    def __init__(self, shards: int, clock: Callable[[], float] = monotonic) -> None:
        """Args:
        shards: How many there are; one alone is never left out, for it keeps no other one waiting.
        clock: Tells a time that never steps [s].
        """
        self._shards, self._clock = shards, clock
        self._absent: dict[int, tuple[float, SwarmError]] = {}

    @contextmanager
    def asked(self, shard: int) -> Iterator[None]:
        """Note how long a call to a shard took that ends inside; a shard that answers is there again.

        Raises:
            BackendUnavailable: What the last try ended with, when the shard is not worth another one yet.
        """
        until, error = self._absent.get(shard, (0.0, None))
        began = self._clock()
        if error and began < until:
            raise error
        try:
            yield
        except BackendUnavailable as exc:
            now = self._clock()
            if self._shards > 1:
                self._absent[shard] = (now + min(TIMES * (now - began), MOST_S), exc)
            raise
        self._absent.pop(shard, None)
