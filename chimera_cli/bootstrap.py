"""Settings become a running swarm. The one room that knows users and adapters alike."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from random import randrange
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from chimera_cli.adapters.addresses import postgres_address, redis_address
from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.logging import open_log
from chimera_cli.adapters.postgres_identity import PostgresIdentity
from chimera_cli.adapters.postgres_orders import PostgresOrders
from chimera_cli.adapters.postgres_outbox import PostgresOutbox
from chimera_cli.adapters.postgres_posts import PostgresPosts
from chimera_cli.adapters.postgres_record import PostgresRecord
from chimera_cli.adapters.postgres_recovery import PostgresRecovery
from chimera_cli.adapters.postgres_review import PostgresReview
from chimera_cli.adapters.postgres_sweep import PostgresSweep
from chimera_cli.adapters.redis_claims import CLAIMS_A_CYCLE
from chimera_cli.adapters.redis_client import RedisClient, open_redis
from chimera_cli.adapters.redis_clocks import RedisClocks
from chimera_cli.adapters.redis_control import RedisControl
from chimera_cli.adapters.redis_events import RedisEventStream
from chimera_cli.adapters.redis_identity import RedisIdentities
from chimera_cli.adapters.redis_queue import RedisTaskQueue
from chimera_cli.adapters.redis_recovery import RedisRecovery
from chimera_cli.adapters.redis_registry import RedisAgentRegistry
from chimera_cli.adapters.redis_state import RedisGlobalState
from chimera_cli.adapters.redis_sweep import RedisStandings
from chimera_cli.adapters.system_clock import SystemClock, uptime
from chimera_cli.config import Settings, load_settings
from chimera_cli.exceptions import BackendUnavailable
from chimera_cli.models.policy import LeasePolicy
from chimera_cli.ports.queue import TaskQueuePort
from chimera_cli.ports.telemetry import TelemetryPort
from chimera_cli.records import in_time, open_database, voucher
from chimera_cli.services.clock_watch import ClockWatch
from chimera_cli.services.control import ControlService
from chimera_cli.services.orchestrator import Orchestrator
from chimera_cli.services.pairing import Pairing
from chimera_cli.services.reconciler import Reconciler
from chimera_cli.services.review_service import ReviewService
from chimera_cli.services.server_watch import EvictionWatch, ServerWatch
from chimera_cli.services.swarm import Swarm
from chimera_cli.services.sweep import Sweep

__all__ = [
    "Swarm",
    "assemble",
    "check_ready",
    "connect",
    "open_strangers",
    "open_swarm",
]


@asynccontextmanager
async def open_swarm(
    settings: Settings, *, telemetry: TelemetryPort, need_redis: bool = False, looks: bool = False
) -> AsyncIterator[Swarm]:
    """Open both stores and close them at the end.

    Args:
        settings: Where they are.
        telemetry: Who listens.
        need_redis: Whether Redis being away is an error now. Commands that decide or read the record work without it.
        looks: Whether nothing is put into the queues: a Redis that evicts keys is looked at, and refused otherwise.

    Raises:
        ConfigError: A server refuses us, or does not fit.
        ForeignStore: The two do not belong together.
        BackendUnavailable: A server is away.
        SchemaOutdated: The database has another release's schema.
    """
    async with open_strangers(settings, telemetry=telemetry, need_redis=need_redis, looks=looks) as swarm:
        with nullcontext() if need_redis else suppress(BackendUnavailable):
            await in_time(swarm.pairing.settle(), "Redis")
        yield swarm


@asynccontextmanager
async def open_strangers(
    settings: Settings, *, telemetry: TelemetryPort, need_redis: bool = True, looks: bool = False
) -> AsyncIterator[Swarm]:
    """Do the same without comparing the stores: nothing may go from one to the other before `swarm.pairing` has settled."""
    async with (
        open_database(settings, telemetry=telemetry) as engine,
        open_redis(settings.redis_url.get_secret_value(), required=need_redis, looks=looks) as client,
    ):
        yield assemble(settings, telemetry, client, engine)


def assemble(settings: Settings, telemetry: TelemetryPort, client: RedisClient, engine: AsyncEngine) -> Swarm:
    """Wire the adapters of both stores to the services; opens and closes nothing."""
    identity = PostgresIdentity(engine, postgres_address(settings.database_url.get_secret_value()))
    return _wired(settings, telemetry, client, identity.engine, _pairing(settings, telemetry, client, identity))


def _wired(
    settings: Settings, telemetry: TelemetryPort, client: RedisClient, engine: AsyncEngine, pairing: Pairing
) -> Swarm:
    keys, policy, orders = Keys(settings.namespace, settings.shards), settings.lease_policy(), PostgresOrders(engine)
    record, reviews = PostgresRecord(engine, max_queued=settings.max_queued), PostgresReview(engine)
    queue, registry = _queue(client, keys, policy), RedisAgentRegistry(client, keys)
    review_service = ReviewService(
        reviews, queue, telemetry, voucher=voucher(settings), expire_after=settings.review.expire_after()
    )
    control = ControlService(orders, RedisControl(client, keys), record=record, queue=queue, telemetry=telemetry)
    events, reconciler = RedisEventStream(client, keys), _reconciler(client, keys, engine, telemetry, policy)
    chores = {"registry": registry, "reviews": review_service, "control": control, "reconciler": reconciler}
    sweep = _sweep(client, keys, engine, queue, telemetry, policy)
    keeping: dict[str, Any] = {**chores, "sweep": sweep, "telemetry": telemetry, "policy": policy, "pairing": pairing}
    return Swarm(
        queue=queue,
        state=RedisGlobalState(client, keys),
        registry=registry,
        record=record,
        reviews=reviews,
        outbox=PostgresOutbox(engine),
        posts=PostgresPosts(engine),
        orchestrator=Orchestrator(queue, events, record, servers=_watch(client, keys, queue, telemetry), **keeping),
        review_service=review_service,
        orders=orders,
        control=control,
        telemetry=telemetry,
        clock=SystemClock(),
    )


def _queue(client: RedisClient, keys: Keys, policy: LeasePolicy) -> RedisTaskQueue:
    """Processes that end after a few claims begin at different places in the cycle of priorities."""
    return RedisTaskQueue(client, keys, policy, first_claim=randrange(CLAIMS_A_CYCLE))  # nosec B311 # a spread, no secret


def _pairing(settings: Settings, telemetry: TelemetryPort, client: RedisClient, record: PostgresIdentity) -> Pairing:
    address = redis_address(settings.redis_url.get_secret_value())
    redis = RedisIdentities(client, Keys(settings.namespace, settings.shards), address)
    return Pairing(record, redis, telemetry, shards=settings.shards, fresh=settings.lease_policy().lease)


def _reconciler(
    client: RedisClient, keys: Keys, engine: AsyncEngine, telemetry: TelemetryPort, policy: LeasePolicy
) -> Reconciler:
    events = RedisEventStream(client, keys)
    recovery, comparison = RedisRecovery(client, keys), PostgresRecovery(engine)
    return Reconciler(recovery, comparison, events, telemetry, grace=policy.lease)


def _watch(client: RedisClient, keys: Keys, queue: TaskQueuePort, telemetry: TelemetryPort) -> ServerWatch:
    clocks = ClockWatch(RedisClocks(client, keys), telemetry, uptime)
    return ServerWatch(clocks, EvictionWatch(queue, telemetry, uptime))


def _sweep(
    client: RedisClient,
    keys: Keys,
    engine: AsyncEngine,
    queue: RedisTaskQueue,
    telemetry: TelemetryPort,
    policy: LeasePolicy,
) -> Sweep:
    record, standings, comparison = PostgresSweep(engine), RedisStandings(client, keys), PostgresRecovery(engine)
    return Sweep(record, standings, comparison, queue, telemetry, lease=policy.lease, shards=keys.shards)


@asynccontextmanager
async def connect(settings: Settings | None = None) -> AsyncIterator[Swarm]:
    """Open a swarm from a program: `async with chimera_cli.connect() as swarm: ...`.

    Args:
        settings: None reads the environment and `.env`, as the commands do.

    Raises:
        ConfigError, BackendUnavailable: As `open_swarm`.
    """
    chosen = settings or load_settings()
    async with open_swarm(chosen, telemetry=open_log(secrets=chosen.secret_values())) as swarm:
        yield swarm


async def check_ready(settings: Settings, *, need_model: bool, telemetry: TelemetryPort) -> None:
    """Fail within 3 s when something that a role needs is missing.

    Raises:
        ConfigError: A server refuses us or does not fit, or there is no key for the model.
        BackendUnavailable: A server is away.
    """
    if need_model:
        settings.model_key()
    try:
        async with open_swarm(settings, telemetry=telemetry, need_redis=True):
            pass
    except BackendUnavailable:
        # Waiting for Postgres is in vain when Redis refuses us.
        async with open_redis(settings.redis_url.get_secret_value()):
            raise
