"""One swarm on a real Redis and a real Postgres, put together as bootstrap does, for tests that lose one of them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import psycopg
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.postgres_engine import open_engine
from chimera_cli.adapters.postgres_identity import PostgresIdentity
from chimera_cli.adapters.postgres_orders import PostgresOrders
from chimera_cli.adapters.postgres_record import PostgresRecord
from chimera_cli.adapters.postgres_recovery import PostgresRecovery
from chimera_cli.adapters.postgres_review import PostgresReview
from chimera_cli.adapters.postgres_sweep import PostgresSweep
from chimera_cli.adapters.redis_client import RedisClient, open_redis
from chimera_cli.adapters.redis_clocks import RedisClocks
from chimera_cli.adapters.redis_control import RedisControl
from chimera_cli.adapters.redis_events import RedisEventStream
from chimera_cli.adapters.redis_identity import RedisIdentities
from chimera_cli.adapters.redis_queue import RedisTaskQueue
from chimera_cli.adapters.redis_recovery import RedisRecovery
from chimera_cli.adapters.redis_registry import RedisAgentRegistry
from chimera_cli.adapters.redis_sweep import RedisStandings
from chimera_cli.adapters.system_clock import uptime
from chimera_cli.models.delivery import Delivery, Stage
from chimera_cli.models.identity import task_id
from chimera_cli.models.policy import LeasePolicy
from chimera_cli.models.task import Task, TaskSpec
from chimera_cli.models.telemetry import TelemetryEvent
from chimera_cli.services.clock_watch import ClockWatch
from chimera_cli.services.control import ControlService
from chimera_cli.services.orchestrator import Orchestrator
from chimera_cli.services.pairing import Pairing
from chimera_cli.services.reconciler import Reconciler
from chimera_cli.services.review_service import ReviewService
from chimera_cli.services.server_watch import EvictionWatch, ServerWatch
from chimera_cli.services.sweep import Sweep
from tests.builders import VOUCHER, a_goal


@dataclass(kw_only=True)
class Pair:
    """Both stores, and what moves between them."""

    client: RedisClient
    keys: Keys
    database_url: str
    engine: AsyncEngine
    queue: RedisTaskQueue
    events: RedisEventStream
    record: PostgresRecord
    reviews: PostgresReview
    review_service: ReviewService
    control: ControlService
    recovery: RedisRecovery
    orchestrator: Orchestrator
    said: list[TelemetryEvent]

    async def submit(self, goal: str, *tasks: TaskSpec) -> None:
        """Store a goal and dispatch its tasks."""
        await self.record.submit(a_goal(goal), tasks)
        await self.orchestrator.reconcile()
        await self.orchestrator.dispatch()

    async def claim(self, stage: Stage = Stage.WORK, *, agent: str = "agent-1", kinds: Sequence[str] = ()) -> Delivery:
        """Claim one delivery, and insist on getting it."""
        [delivery] = await self.queue.pop_tasks(stage, [agent], kinds=kinds)
        assert isinstance(delivery, Delivery)
        return delivery

    async def task(self, goal: str, key: str) -> Task:
        """Return a task as it is recorded."""
        return await self.record.task(task_id(goal, key))

    def copied(self) -> str:
        """Copy what Postgres holds now; nobody may be connected."""
        name = self._database()
        self._elsewhere(f"CREATE DATABASE {name}_old TEMPLATE {name}")
        return f"{name}_old"

    def put_record_back(self, copy: str) -> None:
        """Put what Postgres holds back to a copy."""
        self._elsewhere(f"DROP DATABASE {self._database()} WITH (FORCE)")
        self._elsewhere(f"CREATE DATABASE {self._database()} TEMPLATE {copy}")

    def _database(self) -> str:
        return str(psycopg.conninfo.conninfo_to_dict(self.database_url)["dbname"])

    def _elsewhere(self, statement: str) -> None:
        with psycopg.connect(self.database_url, dbname="postgres", autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[arg-type]

    def comparing(self) -> AbstractAsyncContextManager[Any]:
        """Hold the record still, as a reconciler does."""
        return PostgresRecovery(self.engine).comparing(wait=True)

    def write(self, statement: str) -> None:
        """Change what Postgres holds by hand."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[arg-type]

    async def snapshot(self) -> dict[str, bytes]:
        """Copy what Redis holds of the swarm now."""
        names = [name async for name in self.client.scan_iter(match=f"{{chimera:{self.keys.namespace}:*")]
        raw = await self.raw()
        try:
            return {name: await raw.dump(name) for name in names}
        finally:
            await raw.aclose()

    async def put_back(self, copy: dict[str, bytes]) -> None:
        """Empty the swarm's part of Redis, and fill it from an old copy; the server that comes up with it is another run."""
        await self.empty()
        raw = await self.raw()
        try:
            for name, value in copy.items():
                await raw.restore(name, 0, value)
        finally:
            await raw.aclose()
        await self.restarted()

    async def empty(self) -> None:
        """Take the swarm's keys away while the server runs on, as FLUSHALL does."""
        names = [name async for name in self.client.scan_iter(match=f"{{chimera:{self.keys.namespace}:*")]
        if names:
            await self.client.delete(*names)

    async def restarted(self) -> None:
        """Make Redis look as if another server had come up with its data."""
        for shard in range(self.keys.shards):
            await self.client.set(f"{self.keys.shard(shard)}:run", "0" * 40, xx=True)

    async def raw(self) -> Any:
        """Open a client that leaves replies as they are."""
        given = self.client.connection_pool.connection_kwargs  # type: ignore[union-attr]
        kwargs = {
            name: given[name] for name in ("host", "port", "password", "db", "path", "username") if given.get(name)
        }
        return Redis(**kwargs)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Read from Postgres."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            return connection.execute(query, values).fetchall()  # type: ignore[arg-type]


@asynccontextmanager
async def open_pair(
    redis_url: str,
    database_url: str,
    *,
    lease_s: float = 60,
    shards: int = 1,
    namespace: str = "",
    connections: int = 1,
) -> AsyncIterator[Pair]:
    """Open a swarm, of a namespace of its own unless one is given.

    Of connections to Postgres a process needs one: a call that needed a second one while it holds the first would wait for ever
    behind a pooler that has few. Tests that play two processes take two.
    """
    identity = PostgresIdentity(open_engine(database_url, connections=connections), "postgres")
    engine = identity.engine
    said: list[TelemetryEvent] = []
    telemetry = SimpleNamespace(emit=said.append)
    policy = LeasePolicy(lease=timedelta(seconds=lease_s))
    async with open_redis(redis_url) as client:
        keys = Keys(namespace or uuid4().hex, shards)
        queue, events = RedisTaskQueue(client, keys, policy), RedisEventStream(client, keys)
        record, reviews, recovery = PostgresRecord(engine), PostgresReview(engine), RedisRecovery(client, keys)
        review_service = ReviewService(reviews, queue, telemetry, voucher=VOUCHER)
        control = ControlService(
            PostgresOrders(engine), RedisControl(client, keys), record=record, queue=queue, telemetry=telemetry
        )
        orchestrator = Orchestrator(
            queue,
            events,
            record,
            reconciler=Reconciler(recovery, PostgresRecovery(engine), events, telemetry, grace=policy.lease),
            sweep=Sweep(
                PostgresSweep(engine),
                RedisStandings(client, keys),
                PostgresRecovery(engine),
                queue,
                telemetry,
                lease=policy.lease,
                shards=shards,
            ),
            registry=RedisAgentRegistry(client, keys),
            reviews=review_service,
            control=control,
            telemetry=telemetry,
            policy=policy,
            pairing=Pairing(
                identity, RedisIdentities(client, keys, "redis"), telemetry, shards=shards, fresh=policy.lease
            ),
            servers=ServerWatch(
                ClockWatch(RedisClocks(client, keys), telemetry, uptime), EvictionWatch(queue, telemetry, uptime)
            ),
        )
        yield Pair(
            client=client,
            keys=keys,
            database_url=database_url,
            engine=engine,
            queue=queue,
            events=events,
            record=record,
            reviews=reviews,
            review_service=review_service,
            control=control,
            recovery=recovery,
            orchestrator=orchestrator,
            said=said,
        )
    await engine.dispose()
