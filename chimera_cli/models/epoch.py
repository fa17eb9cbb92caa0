"""Which of several primaries of a shard counts: each comparison of a shard with the record begins a new epoch."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from chimera_cli.exceptions import BackendUnavailable
from chimera_cli.models.noun import Noun

Epochs = Mapping[int, int]
"""The epoch of each shard. A shard that is absent has the epoch 0: no release that counts epochs has compared it yet."""
NO_EPOCHS: Epochs = MappingProxyType({})
"""What a swarm has in which no epoch was begun."""
SEEN_AT_MOST = timedelta(seconds=2)
"""Age from which on a process notes anew that it works with the Redis of the current epoch."""
IN_USE = timedelta(seconds=5)
"""Age of such a note up to which the Redis of the current epoch counts as in use."""


class ShardRecord(Noun):
    """What the record knows of one shard."""

    reached: str = ""
    """Id of the shard's newest recorded event; empty when none is."""
    epoch: int = 0
    """The current epoch."""
    run: str = ""
    """Id of the server run for which the epoch was begun; empty when none was."""
    seen: timedelta | None = None
    """Time since a process last worked with the Redis of this epoch; None when no process ever did."""

    @property
    def in_use(self) -> bool:
        """Whether processes work with the Redis of the current epoch."""
        return self.seen is not None and self.seen < IN_USE

    @property
    def to_note(self) -> bool:
        """Whether a process that works with it should note that."""
        return self.epoch > 0 and (self.seen is None or self.seen >= SEEN_AT_MOST)


def replaced(here: Epochs, record: Epochs) -> tuple[int, int] | None:
    """Return two epochs of the first shard whose Redis was replaced, its own and the record's; None when none was.

    A Redis without an epoch is empty, or was not compared with the record yet.
    """
    pairs = [(here.get(shard, 0), current) for shard, current in sorted(record.items())]
    return next(((own, current) for own, current in pairs if 0 < own < current), None)


class StaleEpoch(BackendUnavailable):
    """What was reached is not the Redis that was compared with the record last; nothing was changed."""

    code = "stale_epoch"

    def __init__(self, here: int, record: int) -> None:
        if here < record:
            state, reason = "was replaced", "another primary took over"
            hint = "let REDIS_URL lead to the new primary; if this one is to go on: chimera db adopt"
        else:
            state, reason, hint = "is ahead of the record", "Postgres came back from an older copy", "chimera doctor"
        super().__init__("Redis", f"{reason}: epoch {here} here, {record} in the record", hint=hint, state=state)
        self.here, self.record = here, record
