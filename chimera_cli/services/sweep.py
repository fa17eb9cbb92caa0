"""The sweep: whether each accepted task still stands in the queue, where its status says, under a server that goes on.

A server that lost everything is noticed by its run id, and the reconciler compares it whole. Single keys may be lost as well:
deleted by hand, by another program, by an eviction. Housekeeping walks page by page through the record's live tasks that have not
moved for two leases. What stands nowhere is put back as the record has it, under the record's lock, after a second look.
"""

from collections.abc import Sequence
from datetime import timedelta

from chimera_cli.exceptions import SwarmError
from chimera_cli.models.identity import shard_of
from chimera_cli.models.recovery import Loss, Recovery
from chimera_cli.models.standing import Standing, StillTask
from chimera_cli.ports.queue import TaskQueuePort
from chimera_cli.ports.recovery import Comparison, ComparisonPort
from chimera_cli.ports.sweep import StandingsPort, SweepPort
from chimera_cli.ports.telemetry import TelemetryPort

LEASES = 2
"""Leases for which a task has to be still: whatever holds it has moved or prolonged something by then."""


class Sweep:
    """Finds live tasks that stand nowhere, and puts them back."""

    def __init__(
        self,
        record: SweepPort,
        standings: StandingsPort,
        comparison: ComparisonPort,
        queue: TaskQueuePort,
        telemetry: TelemetryPort,
        *,
        lease: timedelta,
        shards: int,
    ) -> None:
        """Args:
        record: Which tasks there should be.
        standings: Where they stand.
        comparison: The record's lock, and tasks with all that the queue needs of them.
        queue: Where they are put back.
        telemetry: Who hears of it.
        lease: How long a claim holds.
        shards: Number of shards.
        """
        self._record, self._standings, self._comparison, self._queue = record, standings, comparison, queue
        self._telemetry, self._still_for, self._shards = telemetry, LEASES * lease, shards

    async def step(self) -> int:
        """Look at one page, if one is due, and return how many tasks were put right.

        Raises:
            BackendUnavailable: A store is away, or refuses.
        """
        page = await self._record.next_page(still_for=self._still_for)
        if page is None or not page.tasks:
            return 0
        found = await self._standings.inspect(page)
        suspects = [task.id for task, standing in zip(page.tasks, found, strict=True) if standing is not Standing.OK]
        if not suspects:
            return 0
        try:
            return await self._put_right(suspects)
        except SwarmError:
            await self._record.note_stuck(len(suspects))
            raise

    async def _put_right(self, task_ids: Sequence[str]) -> int:
        """Look once more while no other process dispatches or records, mend, and tell."""
        async with self._comparison.comparing(wait=True) as comparison:
            if comparison is None:
                return 0
            page = await comparison.still(task_ids)
            found = list(zip(page.tasks, await self._standings.inspect(page, mend=True), strict=True))
            await self._push(comparison, found)
            recoveries = self._recoveries([task for task, standing in found if standing is not Standing.OK])
            for recovery in recoveries:
                await comparison.note(recovery)
        for recovery in recoveries:
            self._telemetry.emit(recovery.event)
        return sum(recovery.restored for recovery in recoveries)

    async def _push(self, comparison: Comparison, found: Sequence[tuple[StillTask, Standing]]) -> None:
        lost = [task.id for task, standing in found if standing is Standing.LOST]
        # A task that stands well stays as it is, and brings its goal along.
        goals = {task.goal_id: task.id for task, standing in found if standing is Standing.GOAL}
        async for dispatches in comparison.dispatches([*lost, *goals.values()]):
            await self._queue.push_tasks(dispatches)

    def _recoveries(self, tasks: Sequence[StillTask]) -> list[Recovery]:
        """Sum up by shard."""
        counts: dict[int, int] = {}
        for task in tasks:
            shard = shard_of(task.goal_id, self._shards)
            counts[shard] = counts.get(shard, 0) + 1
        return [Recovery(shard=shard, cause=Loss.KEYS, restored=count) for shard, count in counts.items()]
