"""After Redis was started anew, emptied or restored, nothing in it moves until it has been compared with the record.

Any process does it, one at a time by the record's lock. What Redis has not told the record yet is recorded first. If the newest
recorded event is one that Redis knows, it can lack only its last moments, and of those nobody has heard: tasks that were put in,
and decisions that were carried out. Otherwise the shard is emptied and put together from the record alone.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from datetime import timedelta

from chimera_cli.exceptions import BackendUnavailable, SwarmError
from chimera_cli.models.away import Away
from chimera_cli.models.epoch import ShardRecord, StaleEpoch
from chimera_cli.models.identity import shard_of
from chimera_cli.models.recovery import Loss, Mandate, Mark, Recovery, Survey
from chimera_cli.ports.event_stream import EventStreamPort
from chimera_cli.ports.recovery import Comparison, ComparisonPort, RecoveryPort
from chimera_cli.ports.telemetry import TelemetryPort

BATCH = 500
"""Events in one step."""

Counts = Counter[str]
"""How much was made up for, by the names of a Recovery's fields."""


class Reconciler:
    """Compares shards with the record, makes up for what they lost, and vouches for them."""

    def __init__(
        self,
        recovery: RecoveryPort,
        comparison: ComparisonPort,
        events: EventStreamPort,
        telemetry: TelemetryPort,
        *,
        grace: timedelta,
    ) -> None:
        """Args:
        recovery: The shards.
        comparison: The record.
        events: What the shards have not told the record yet.
        telemetry: Who hears what had happened.
        grace: How long after an interruption no lease is taken back.
        """
        self._recovery = recovery
        self._comparison = comparison
        self._events = events
        self._telemetry = telemetry
        self._grace = grace
        self.away = Away(shards=events.shards)
        """The shards that cannot be worked with, by the last look."""

    async def reconcile(self, *, wait: bool = False) -> int:
        """Compare the shards that nobody vouches for, and let them go on; returns how many.

        With `wait` off, shards that somebody else is comparing are left to them.

        Raises:
            BackendUnavailable: One of the stores is away, or somebody else is at it; what is not vouched for stands still.
        """
        try:
            done, failed = await self._look(wait=wait)
        except SwarmError:
            self.away = Away(shards=self._events.shards, numbers=frozenset(range(self._events.shards)))
            raise
        self.away = Away(shards=self._events.shards, numbers=frozenset(failed))
        for error in failed.values():
            raise error
        return done

    async def replaced(self) -> bool:
        """Tell whether the swarm went on with another Redis, in some shard."""
        records = await self._comparison.known()  # First: an epoch that begins after it is no replacement.
        surveys = [(shard, await self._recovery.survey(shard)) for shard in range(self._events.shards)]
        return any(survey.replaced(records.get(shard, ShardRecord())) for shard, survey in surveys)

    async def _look(self, *, wait: bool) -> tuple[int, dict[int, SwarmError]]:
        """Compare what has to be, and return how many shards go on, and why others do not: none keeps another one still."""
        done = 0
        failed: dict[int, SwarmError] = {}
        shards = range(self._events.shards)
        surveys = await asyncio.gather(*(self._recovery.survey(shard) for shard in shards), return_exceptions=True)
        records = await self._comparison.known()
        for shard, survey in zip(shards, surveys, strict=True):
            try:
                if isinstance(survey, BaseException):
                    raise survey
                done += await self._see_to(shard, survey, records.get(shard, ShardRecord()), wait=wait)
            except SwarmError as error:
                if isinstance(error, BackendUnavailable) and error.backend != "Redis":
                    raise
                failed[shard] = error
        return done, failed

    async def _see_to(self, shard: int, survey: Survey, record: ShardRecord, *, wait: bool) -> bool:
        if survey.replaced(record):
            # Again, for the epoch that was read after the first look may have begun for this very server in between.
            survey = await self._recovery.survey(shard)
            await self._refuse_if_replaced(shard, survey, record)
        if not survey.vouched or survey.ahead(record) or survey.lost_epoch(record):
            return await self._compare(shard, wait=wait)
        if record.to_note:
            await self._comparison.note_use(shard, survey.epoch)
        return False

    async def _refuse_if_replaced(self, shard: int, survey: Survey, record: ShardRecord) -> None:
        if survey.replaced(record):
            with suppress(SwarmError):  # It may be a read-only replica by now, or gone.
                await self._recovery.depose(shard, survey.run, record.epoch)
            raise StaleEpoch(survey.epoch, record.epoch)

    async def _compare(self, shard: int, *, wait: bool) -> bool:
        async with self._comparison.comparing(wait=wait) as comparison:
            if comparison is None:
                raise BackendUnavailable(
                    "Redis", "another process is comparing it with the record", state="stands still"
                )
            record = await comparison.known(shard)
            await self._refuse_if_replaced(shard, await self._recovery.survey(shard), record)
            survey = await self._recovery.survey(shard, turn=comparison.turn, record=record)
            if survey.vouched:
                return False
            mandate = Mandate(shard=shard, run=survey.run, turn=comparison.turn)
            counts = await self._make_up(mandate, survey, record, comparison)
            # As late as may be, for from here on it keeps others waiting; and before what is repeated is chosen, so that what
            # others note as carried out is either seen or refused.
            epoch = await comparison.begin_epoch(shard, above=survey.epoch, run=survey.run)
            recovery = await self._repeat(shard, survey, record, counts, comparison)
            paused = await comparison.paused()
        # Only now, when all that was found out is stored: a shard that goes on is not looked at again.
        mandate = mandate.model_copy(update={"epoch": epoch})
        vouched = await self._recovery.vouch(mandate, grace=self._grace, paused=paused)
        if recovery:
            # Also when the shard was interrupted once more right now: each comparison is one row and one line.
            self._telemetry.emit(recovery.event)
        return vouched

    async def _make_up(self, mandate: Mandate, survey: Survey, record: ShardRecord, comparison: Comparison) -> Counts:
        """Put right what the shard lost."""
        counts: Counts = Counter()
        if behind := survey.behind(record):
            await self._recovery.rebuild(mandate, recorded=record.reached)
        if not survey.diverged(record):
            await self._drain(mandate.shard, comparison, record.reached)
        if behind:
            await self._recovery.wipe(mandate)
        await self._restore(mandate, comparison, counts, unheard=not behind)
        return counts

    async def _repeat(
        self, shard: int, survey: Survey, record: ShardRecord, counts: Counts, comparison: Comparison
    ) -> Recovery | None:
        """Have lost decisions repeated, and note what was found; None when there was nothing yet that the shard could lose."""
        counts["decisions"] = await comparison.repeat_decisions()
        if not record.reached and not counts.total():
            return None
        recovery = Recovery(shard=shard, cause=_cause(survey, record, counts), **counts)
        await comparison.note(recovery)
        return recovery

    async def _drain(self, shard: int, comparison: Comparison, reached: str) -> None:
        """Record what the shard had still to tell."""
        while True:
            events, last = await self._events.read(shard, BATCH, after=reached)
            if not last:
                return
            await comparison.record(events)
            reached = last

    async def _restore(self, mandate: Mandate, comparison: Comparison, counts: Counts, *, unheard: bool) -> None:
        """Put tasks back that the shard lacks."""
        async for page in comparison.live(unheard=unheard):
            marks = [mark for mark in page if self._shard(mark) == mandate.shard]
            versions = await self._recovery.versions(mandate.shard, [mark.task_id for mark in marks])
            lost = [mark for mark, version in zip(marks, versions, strict=True) if mark.lost(version)]
            if lost:
                heard_of = sum(mark.version > 0 for mark in lost)
                async for some in comparison.dispatches([mark.task_id for mark in lost]):
                    await self._recovery.restore(mandate, some)
                counts["restored"] += heard_of
                counts["dispatched"] += len(lost) - heard_of

    def _shard(self, mark: Mark) -> int:
        return shard_of(mark.goal_id, self._events.shards)


def _cause(survey: Survey, record: ShardRecord, counts: Counts) -> Loss:
    behind = survey.behind(record)
    if survey.ahead(record):
        return Loss.RECORD_BEHIND
    if not survey.newest and (behind or counts["dispatched"]):
        return Loss.EMPTIED
    return Loss.BEHIND if behind else Loss.RESTARTED
