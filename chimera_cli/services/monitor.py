"""One look at the whole swarm."""

from chimera_cli.models.snapshot import Snapshot
from chimera_cli.ports.queue import TaskQueuePort
from chimera_cli.ports.record import RecordPort
from chimera_cli.ports.registry import AgentRegistryPort
from chimera_cli.ports.review import ReviewPort


class Monitor:
    """Reads both stores; changes nothing."""

    def __init__(
        self, queue: TaskQueuePort, registry: AgentRegistryPort, record: RecordPort, reviews: ReviewPort
    ) -> None:
        self._queue = queue
        self._registry = registry
        self._record = record
        self._reviews = reviews

    async def snapshot(self) -> Snapshot:
        """Take a snapshot. The stores are read one after the other, so its parts may differ by some milliseconds.

        Raises:
            BackendUnavailable: One of the stores is away.
        """
        to_review, oldest_card_at = await self._reviews.waiting()
        return Snapshot(
            at=await self._record.now(),
            fleet=tuple(await self._registry.fleet()),
            queues=await self._queue.counts(),
            to_review=to_review,
            oldest_card_at=oldest_card_at,
            undispatched=await self._record.undispatched(),
            ledger=await self._record.ledger(),
        )
