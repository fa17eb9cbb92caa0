"""After Redis was started anew, emptied or restored, nothing in it moves until it has been compared with the record.

Any process does it, one at a time by the record's lock.
"""

from datetime import timedelta

from chimera_cli.ports.event_stream import EventStreamPort
from chimera_cli.ports.recovery import Comparison, ComparisonPort, RecoveryPort

BATCH = 500
"""Events or tasks in one step."""


class Reconciler:
    """Compares shards with the record and vouches for them."""

    def __init__(
        self, recovery: RecoveryPort, comparison: ComparisonPort, events: EventStreamPort, *, grace: timedelta
    ) -> None:
        """Args:
        recovery: The shards.
        comparison: The record.
        events: What the shards have not told the record yet.
        grace: How long after an interruption no lease is taken back.
        """
        self._recovery = recovery
        self._comparison = comparison
        self._events = events
        self._grace = grace

    async def reconcile(self, *, wait: bool = False) -> int:
        """Compare the shards that nobody vouches for, and let them go on; returns how many.

        With `wait` off, shards that somebody else is comparing are left to them.

        Raises:
            BackendUnavailable: One of the stores is away; what is not vouched for stands still.
        """
        done = 0
        for shard in range(self._events.shards):
            if not (await self._recovery.survey(shard)).vouched:
                done += await self._compare(shard, wait=wait)
        return done

    async def _compare(self, shard: int, *, wait: bool) -> bool:
        async with self._comparison.comparing(wait=wait) as comparison:
            if comparison is None:
                return False
            survey = await self._recovery.survey(shard, turn=comparison.turn)
            if survey.vouched:
                return False
            recorded = await self._drain(shard, comparison)
        # Only now, when all that was found out is stored: a shard that goes on is not looked at again.
        return await self._recovery.vouch(shard, survey, turn=comparison.turn, recorded=recorded, grace=self._grace)

    async def _drain(self, shard: int, comparison: Comparison) -> str:
        """Record what the shard had still to tell; returns the id of its newest recorded event."""
        last = await comparison.reached(shard)
        while True:
            events, last_read = await self._events.read(shard, BATCH, after=last)
            if not last_read:
                return await comparison.reached(shard)
            await comparison.record(events)
            last = last_read
