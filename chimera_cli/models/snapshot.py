"""One look at the whole swarm."""

from datetime import datetime

from chimera_cli.models.agent import FleetMember
from chimera_cli.models.goal import Goal, Ledger
from chimera_cli.models.noun import Noun
from chimera_cli.models.pairing import Identity
from chimera_cli.models.queue_counts import QueueCounts
from chimera_cli.models.recovery import Recovery
from chimera_cli.models.unserved import Unexecuted, Unserved


class Snapshot(Noun):
    """What `chimera status` shows."""

    at: datetime
    """When it was taken."""
    fleet: tuple[FleetMember, ...]
    """The running agents."""
    stalled: tuple[str, ...] = ()
    """Ids of processes whose event loop stands still while their tasks are kept."""
    queues: QueueCounts
    """What stands in the queues, over all shards."""
    to_review: int
    """Cards that wait for a person."""
    oldest_card_at: datetime | None = None
    """When the oldest of them was made; None when none waits."""
    undispatched: int = 0
    """Persisted tasks that are not in Redis yet."""
    recovery: Recovery | None = None
    """What was done the last time Redis had been interrupted, within a day; None when it was not."""
    ledger: Ledger
    """The count that must add up."""
    epoch: int = 0
    """The highest epoch of a shard by the record; 0 before anything was compared."""
    replaced: str = ""
    """What is wrong when the Redis that was asked was replaced by another primary; else empty."""
    stuck: int = 0
    """Live tasks that the last sweep found in no place and that could not be put back."""
    unvouched: int = 0
    """Of the first 200 tasks that wait for their execution, those for whose release no worker vouched."""
    refused: str = ""
    """What is wrong when Redis refuses writes, and the cure; else empty."""
    unserved: tuple[Unserved, ...] = ()
    """Kinds of tasks that wait and that no live worker claims."""
    unexecuted: tuple[Unexecuted, ...] = ()
    """Kinds of approved tasks that wait and that no live worker may execute, for want of the key."""
    paused: tuple[Goal, ...] = ()
    """Goals of which nothing starts, because somebody paused them."""
    posts_waiting: int = 0
    """Approved posts in the outbox that no connector has taken."""
    identity: Identity | None = None
    """Which swarm this is; None while that is not known for both stores."""
