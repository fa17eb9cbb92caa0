"""The record and its Redis know each other: bound when they first meet, compared before anything goes from one to the other.

Two stores that do not belong together would do all work twice, or lose it: the one would be taken for the other's loss. A Redis
that has lost its identity is given it again only where no other server can have it; else `chimera db adopt` decides.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from uuid import uuid4

from chimera_cli.exceptions import BackendUnavailable, ConfigError, Conflict, SwarmError
from chimera_cli.models.identity import new_id
from chimera_cli.models.pairing import (
    UNKNOWN_RUN,
    Adoption,
    Identity,
    RecordIdentity,
    RedisHolding,
    RedisIdentity,
    Report,
    Verdict,
    compare,
)
from chimera_cli.models.telemetry import Level, TelemetryEvent
from chimera_cli.ports.pairing import PairingTransaction, RecordIdentityPort, RedisIdentityPort
from chimera_cli.ports.telemetry import TelemetryPort

REPORTS_WHILE_FRESH = 3
"""Reports of a process that sees the same, in the time for which one counts."""
FAREWELL_S = 2.0
"""Longest time that taking a process off the list may take, in s."""
TRIES = 5
"""Looks at stores that others change at the same moment."""


class ForeignStore(ConfigError):
    """Postgres and Redis belong to different swarms, or it cannot be told that they belong together."""

    code = "foreign"

    def __init__(self, record: RecordIdentity, holding: RedisHolding) -> None:
        hint = "correct REDIS_URL or DATABASE_URL; to move the record to this Redis on purpose: chimera db adopt"
        super().__init__(f"these stores are not a pair: {record.sentence}; {holding.sentence}", hint=hint)
        self.record, self.holding = record, holding


class Pairing:
    """The comparison, for one process."""

    def __init__(
        self,
        record: RecordIdentityPort,
        redis: RedisIdentityPort,
        telemetry: TelemetryPort,
        *,
        shards: int,
        fresh: timedelta,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args:
        record: The half in Postgres.
        redis: The half in Redis.
        telemetry: Who hears what was found.
        shards: Number of shards by the settings.
        fresh: How long a report of another process counts.
        monotonic: Tells what time has passed, in s.
        """
        self._record, self._redis, self._telemetry = record, redis, telemetry
        self._shards, self._fresh, self._monotonic = shards, fresh, monotonic
        self.identity: Identity | None = None
        """The pair's identity, once it was compared."""
        self.foreign: ForeignStore | None = None
        """Why this process must not go on; None while it may."""
        self.refused = asyncio.Event()
        """Set when the pair, once bound, has become a foreign one."""
        self.process = ""
        """Id of this process while it reports; empty else."""
        self._role = ""
        self._seen: tuple[str, str] = ("", "")
        self._reported: tuple[str, str] = ("", "")
        self._report_at = 0.0

    @asynccontextmanager
    async def reporting(self, process: str, role: str) -> AsyncIterator[None]:
        """Tell the record for a while, at each check, what this process sees; it is off the list in the end if that is possible."""
        self.process, self._role = process, role
        try:
            yield
        finally:
            self.process = ""
            with suppress(SwarmError, TimeoutError):
                async with asyncio.timeout(FAREWELL_S):
                    await self._record.leave(process)

    async def check(self) -> None:
        """Make sure that both stores belong together; one call to Redis when nothing has changed.

        Raises:
            ForeignStore: They do not.
            ConfigError: Another number of shards is in use.
            BackendUnavailable: A store is away, or it cannot be told yet.
        """
        try:
            holding = await self._redis.look()
        except BackendUnavailable:
            if self.identity is None or self._shards == 1:
                raise
            return  # The node that holds the identity is away. The other shards are known by epochs of their own.
        await self._report(holding)
        if self._record.doubted or not self._still(holding.identity):
            await self.settle()

    async def settle(self) -> None:
        """Compare both stores, and bind or heal them where that is sound; see `check` for what it raises."""
        for _ in range(TRIES):
            record, holding = await self._record.read(), await self._redis.look()
            if not record.emptying and compare(record, holding) is Verdict.BOUND:
                self._check_shards(record.shards)
                return self._known(record)
            async with self._record.holding() as transaction:
                if await self._bring_together(transaction):
                    continue  # Compared once more, when it is there for all to see.
        raise BackendUnavailable("Redis", "other processes change its identity all the time", state="stands still")

    async def adoption(self, *, replaced: bool = False) -> Adoption:
        """Say what moving the record to this Redis would mean.

        Args:
            replaced: Whether the swarm went on with another Redis since it worked with this one.
        """
        record, holding = await self._record.read(), await self._redis.look()
        holding = holding.model_copy(update={"used": await self._redis.used()})
        reports = await self._record.reports(self._fresh)
        elsewhere = [one for one in reports if one.identity == record.id and one.run != holding.run]
        return Adoption(record=record, holding=holding, elsewhere=tuple(elsewhere), replaced=replaced)

    async def note_address(self) -> None:
        """Have the record say where its Redis is now; for a pair that belongs together."""
        async with self._record.holding() as transaction:
            holding = await self._redis.look()
            if compare(transaction.record, holding) is Verdict.BOUND:
                await transaction.bind(holding.address, transaction.record.shards)

    async def adopt(self, operator: str, reason: str, *, agreed: Adoption) -> None:
        """Move the record to this Redis, whatever that holds: it is emptied, and put together from the record afterwards.

        The pair gets another id. Whatever still works with the old Redis is a foreign one from then on, and is refused.

        Args:
            operator: Who moves it.
            reason: Why; may be empty.
            agreed: What the operator was shown.

        Raises:
            Conflict: Another process has changed an identity since.
        """
        async with self._record.holding() as transaction:
            holding, record = await self._redis.look(), transaction.record
            if (record.id, holding.mark) != (agreed.record.id, agreed.holding.mark):
                raise Conflict("another process has changed the identity since", hint="chimera db adopt")
            identity = RedisIdentity(
                id=new_id(uuid4), namespace=record.namespace, shards=self._shards, postgres=record.postgres
            )
            if not await self._redis.write(identity, mark=holding.mark):
                raise Conflict("another process has changed the identity in Redis", hint="chimera db adopt")
            moved = f"from {record.redis or 'no Redis'} to {holding.address}"
            why = f"{moved}, swarm {record.id} became {identity.id}" + (f": {reason}" if reason else "")
            await transaction.move(identity.id, holding.address, self._shards, operator=operator, reason=why)
        await self.settle()

    async def _bring_together(self, transaction: PairingTransaction) -> bool:
        record, holding = transaction.record, await self._redis.look()
        if record.empty and not record.redis and not holding.text:
            holding = holding.model_copy(update={"used": await self._redis.used()})
        reports = await transaction.reports(self._fresh)
        verdict = compare(record, holding, reports, met=self.identity is not None and self.identity.id == record.id)
        if verdict in (Verdict.REFUSE, Verdict.WAIT):
            raise self._refusal(record, holding, verdict)
        self._check_shards(record.shards or holding.shards)
        if record.emptying:
            await self._redis.empty()
            await transaction.emptied()
        if verdict is Verdict.BOUND:
            return True
        written = RedisIdentity(id=record.id, namespace=record.namespace, shards=self._shards, postgres=record.postgres)
        if await self._redis.write(written, mark=holding.mark) and verdict is Verdict.BIND:
            await transaction.bind(holding.address, self._shards)
        return True

    def _still(self, identity: RedisIdentity | None) -> bool:
        """Tell whether Redis says what it said when the pair was compared."""
        known = self.identity
        if known is None or identity is None or not identity.whole:
            return False
        return (identity.id, identity.namespace) == (known.id, known.namespace)

    def _known(self, record: RecordIdentity) -> None:
        self.identity = Identity(id=record.id, namespace=record.namespace, shards=record.shards)
        self._record.expect(record.id)

    def _check_shards(self, in_use: int) -> None:
        if in_use not in (0, self._shards):
            raise ConfigError(
                f"CHIMERA_SHARDS is {self._shards}, but this swarm was started with {in_use}",
                hint=f"set CHIMERA_SHARDS={in_use}, or use another CHIMERA_NAMESPACE",
            )

    def _refusal(
        self, record: RecordIdentity, holding: RedisHolding, verdict: Verdict
    ) -> ForeignStore | BackendUnavailable:
        """Say why the pair is refused; a process that works already waits for a Redis that holds nothing."""
        if verdict is Verdict.WAIT:
            others = "live processes work with another server that holds one, or are about to write it again here"
            reason = f"{holding.sentence}; {others}"
            return BackendUnavailable("Redis", reason, state="stands still")
        error = ForeignStore(record, holding)
        if self.identity is None:
            return error
        if not holding.text:
            return BackendUnavailable("Redis", error.message, hint=error.hint, state="stands still")
        if self.foreign is None:
            self.foreign = error
            self._telemetry.emit(
                TelemetryEvent(name="stores.foreign", level=Level.ERROR, source="pairing", message=error.message)
            )
            self.refused.set()
        return error

    async def _report(self, holding: RedisHolding) -> None:
        """Tell the record what is seen: at once when it has changed, else from time to time; Postgres may be away.

        A server that was emptied is still the one that had the identity: reports of none would hide that.
        """
        identity, now = holding.identity, self._monotonic()
        run, before = self._seen
        known = before if run == holding.run != UNKNOWN_RUN else ""
        seen = self._seen = holding.run, identity.id if identity else known
        if not self.process or (seen == self._reported and now < self._report_at):
            return
        report = Report(
            process=self.process, role=self._role, address=holding.address, run=holding.run, identity=seen[1]
        )
        with suppress(BackendUnavailable):
            await self._record.report(report)
            self._reported, self._report_at = seen, now + self._fresh.total_seconds() / REPORTS_WHILE_FRESH
