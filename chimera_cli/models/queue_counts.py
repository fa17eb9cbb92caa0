"""How full the queues are, and what else Redis tells in the same look."""

from collections.abc import Mapping
from datetime import timedelta

from pydantic import Field

from chimera_cli.models.delivery import Stage
from chimera_cli.models.epoch import Epochs
from chimera_cli.models.noun import Noun


class QueueCounts(Noun):
    """How much stands in each queue."""

    waiting: int = 0
    """Tasks that wait for a worker."""
    running: int = 0
    """Tasks that a worker holds."""
    delayed: int = 0
    """Tasks whose retry waits for its time."""
    to_judge: int = 0
    """Results that wait for a judge."""
    judging: int = 0
    """Results that a judge holds."""
    deferred: int = 0
    """Results whose judgement is to be tried again later."""
    oldest_waiting: timedelta | None = None
    """How long the longest waiting of the next few tasks of each lane has waited, a lower bound; None when none waits."""
    kinds: Mapping[str, int] = Field(default_factory=dict)
    """Tasks that wait for a worker, by kind."""
    to_execute: Mapping[str, int] = Field(default_factory=dict)
    """Those of them that are approved and wait for their execution, by kind."""
    epochs: Epochs = Field(default_factory=dict)
    """Epoch of each shard in the Redis that was asked."""
    away: tuple[int, ...] = ()
    """Shards that did not answer and are not counted."""
    refused: str = ""
    """What is wrong when Redis refuses writes, and the cure; else empty."""
    clock: str = ""
    """What there is to tell of Redis' clock: that it is in doubt, or stepped lately; else empty."""
    evicts: str = ""
    """What is wrong when Redis drops keys as memory runs short, and the cure; else empty."""
    evicted: int = 0
    """Keys that it has dropped for that since it was started, counted for each shard."""

    def idle(self, stage: Stage) -> bool:
        """Whether nothing waits, runs or is delayed for the stage; not while a shard is away, of which that is unknown."""
        if self.away:
            return False
        if stage is Stage.WORK:
            return not (self.waiting or self.running or self.delayed)
        return not (self.to_judge or self.judging or self.deferred)
