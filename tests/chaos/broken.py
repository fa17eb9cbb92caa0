"""Swarms with one of their safeguards taken out: the rounds must fail on them, or they prove nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from sqlalchemy.ext.asyncio import AsyncEngine

from chimera_cli.adapters import redis_wire as wire
from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.postgres_recovery import PostgresRecovery
from chimera_cli.adapters.redis_events import RedisEventStream
from chimera_cli.adapters.redis_recovery import RedisRecovery
from chimera_cli.models.away import Away
from chimera_cli.models.delivery import Dispatch
from chimera_cli.models.event import TaskEvent
from chimera_cli.ports.record import RecordPort
from chimera_cli.services.orchestrator import Orchestrator
from chimera_cli.services.reconciler import Reconciler
from chimera_cli.services.swarm import Swarm
from tests.chaos.gate import Gate
from tests.chaos.process import Ears, Place
from tests.chaos.wires import gated_redis, scripts_by_hash

FENCE = "if not task or task.gen ~= generation or task.agent ~= agent then return nil end"


class FencelessPipeline(Pipeline):
    """Sends every script with the fence taken out."""

    def eval(self, script: str, *args: Any, **kwargs: Any) -> Any:
        """Queue a script to be sent."""
        assert FENCE in script
        open_to_all = script.replace(FENCE, "if not task then return nil end")
        # The gate still knows the script by its name.
        scripts_by_hash()[open_to_all.encode()] = scripts_by_hash()[script.encode()]
        return super().eval(open_to_all, *args, **kwargs)


class Fenceless(Redis):
    """Has no fence in its scripts. Its server must know no other script of ours: what it lacks is sent whole, in a pipeline."""

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        """Make a pipeline."""
        return FencelessPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


def without_fence(url: str, gate: Gate) -> Redis:
    """Open a Redis whose answers are accepted whatever their generation."""
    return gated_redis(url, gate, Fenceless)


class MarksFirst:
    """A record that notes tasks as dispatched before they are in the queue."""

    def __init__(self, record: RecordPort) -> None:
        self._record = record

    def __getattr__(self, name: str) -> Any:
        """Be the record in everything else."""
        return getattr(self._record, name)

    @asynccontextmanager
    async def dispatching(self, limit: int, *, away: Away) -> AsyncIterator[list[Dispatch]]:
        """Hand out what is noted already."""
        async with self._record.dispatching(limit, away=away) as waiting:
            pass
        yield waiting


class TrimsFirst(RedisEventStream):
    """An event stream that drops what was read before it is recorded, and does not note how far the record should be."""

    async def read(self, shard: int, limit: int = 1000, *, after: str = "") -> tuple[list[TaskEvent], str]:
        """Return the oldest events, which are gone then."""
        events, last = await super().read(shard, limit, after=after)
        if last:
            await self._client.xtrim(self._name(shard), minid=wire.after(last), approximate=False)
        return events, last

    async def trim(self, shard: int, last: str, *, recorded: str) -> None:
        """Do nothing: it is done."""


def marks_first(swarm: Swarm, place: Place, client: Redis, engine: AsyncEngine) -> Swarm:
    """Take the outbox out of the way from Postgres to Redis."""
    events = RedisEventStream(client, Keys(place.namespace))
    return rebuilt(swarm, place, reconciler(place, client, engine), MarksFirst(swarm.record), events)


def trims_first(swarm: Swarm, place: Place, client: Redis, engine: AsyncEngine) -> Swarm:
    """Take the outbox out of the way from Redis to Postgres."""
    events = TrimsFirst(client, Keys(place.namespace))
    return rebuilt(swarm, place, reconciler(place, client, engine), swarm.record, events)


def reconciler(place: Place, client: Redis, engine: AsyncEngine) -> Reconciler:
    """Make the reconciler, which is left as it is."""
    keys = Keys(place.namespace)
    recovery, comparison, events = RedisRecovery(client, keys), PostgresRecovery(engine), RedisEventStream(client, keys)
    return Reconciler(recovery, comparison, events, Ears(), grace=place.settings.lease_policy().lease)


def rebuilt(swarm: Swarm, place: Place, mender: Reconciler, record: Any, events: RedisEventStream) -> Swarm:
    """Wire a swarm's housekeeping anew."""
    orchestrator = Orchestrator(
        swarm.queue,
        events,
        record,
        reconciler=mender,
        sweep=swarm.orchestrator._sweep,
        registry=swarm.registry,
        reviews=swarm.review_service,
        control=swarm.control,
        telemetry=swarm.telemetry,
        policy=place.settings.lease_policy(),
        pairing=swarm.pairing,
        servers=swarm.orchestrator._servers,
    )
    return replace(swarm, record=record, orchestrator=orchestrator)
