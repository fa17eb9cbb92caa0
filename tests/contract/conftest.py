"""The Redis contract suites run three times: on fakeredis, on a real Redis and on a real three-node Redis Cluster; those of the
record on a real Postgres."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from fakeredis import FakeAsyncRedis
from sqlalchemy.ext.asyncio import AsyncEngine

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.postgres_engine import open_engine
from chimera_cli.adapters.postgres_record import PostgresRecord
from chimera_cli.adapters.redis_client import RedisClient, open_redis
from chimera_cli.adapters.redis_events import RedisEventStream
from chimera_cli.adapters.redis_queue import RedisTaskQueue
from chimera_cli.adapters.redis_state import RedisGlobalState
from chimera_cli.models.policy import LeasePolicy
from chimera_cli.simulation.history.history import History, Timing
from chimera_cli.simulation.history.leftovers import nothing_grows
from chimera_cli.simulation.history.rows import RedisKey
from chimera_cli.simulation.history.violation import Terms
from tests.acl import limited_url
from tests.servers import Servers
from tests.vouching import vouch

MOST_SHARDS = 8
"""More than any test cuts its keys into."""
MakeQueue = Callable[..., RedisTaskQueue]


@pytest.fixture(params=["fake", "redis", "cluster"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[RedisClient]:
    if request.param == "fake":
        fake = FakeAsyncRedis(decode_responses=True, protocol=2)
        yield fake
        await fake.aclose()
        return
    url = request.getfixturevalue(f"{request.param}_url")
    before = connections()
    async with open_redis(url) as real:
        yield real
    assert connections() <= before, "a connection is left open"


@pytest.fixture
async def user(request: pytest.FixtureRequest, client: RedisClient) -> AsyncIterator[RedisClient]:
    """The product's own client: on real servers a user who may do no more than deploy/redis.acl says.

    Tests look into Redis and forge what is there by `client`.
    """
    kind = request.node.callspec.params["client"]
    if kind == "fake":
        yield client
        return
    servers: Servers = request.getfixturevalue("servers")
    nodes = servers.cluster if kind == "cluster" else [servers.redis]
    async with open_redis(limited_url([node.url for node in nodes])) as limited:
        yield limited


@pytest.fixture
async def keys(client: RedisClient) -> AsyncIterator[Keys]:
    """Key names that no other test uses; what a test leaves under them are keys that chimera knows, with nothing pending."""
    made = Keys(uuid4().hex)
    yield made
    assert await leaks(client, made) == []


@pytest.fixture
async def make_queue(user: RedisClient, keys: Keys) -> MakeQueue:
    """Make a queue that somebody vouches for. Its leases hold for the given seconds; 0 makes every claim an abandoned one."""
    await vouch(user, keys)
    return lambda lease_s=60: RedisTaskQueue(user, keys, LeasePolicy(lease=timedelta(seconds=lease_s)))


@pytest.fixture
def queue(make_queue: MakeQueue) -> RedisTaskQueue:
    return make_queue()


@pytest.fixture
def state(user: RedisClient, keys: Keys) -> RedisGlobalState:
    return RedisGlobalState(user, keys)


@pytest.fixture
def events(user: RedisClient, keys: Keys) -> RedisEventStream:
    return RedisEventStream(user, keys)


@pytest.fixture
async def engine(fresh_database: str) -> AsyncIterator[AsyncEngine]:
    opened = open_engine(fresh_database)
    yield opened
    await opened.dispose()


@pytest.fixture
def empty_database(servers: Servers) -> Iterator[str]:
    """A database without a schema, dropped afterwards."""
    name = f"empty_{uuid4().hex}"
    servers.postgres.create_database(name)
    yield servers.postgres.url_of(name)
    servers.drop_database(name)


@pytest.fixture
def record(engine: AsyncEngine) -> PostgresRecord:
    return PostgresRecord(engine)


def connections() -> int:
    """Count the sockets of this process."""
    # A number may be gone as soon as it was listed.
    files = [link for number in os.listdir("/proc/self/fd") if (link := Path("/proc/self/fd", number)).is_symlink()]
    return sum(os.readlink(file).startswith("socket:") for file in files)


async def leaks(client: RedisClient, keys: Keys) -> list[str]:
    """Say what stands under the keys that live work has no use for."""
    found = [await read_key(client, name) async for name in client.scan_iter(match=f"{{chimera:{keys.namespace}*")]
    history = History(keys=tuple(found), shards=MOST_SHARDS)
    return [f"{where} {what}" for where, what in nothing_grows(history, Terms(ended=False, timing=Timing()))]


async def read_key(client: RedisClient, name: str) -> RedisKey:
    """Read of a key what the history checker asks about it."""
    tag, _, suffix = name.partition("}:")
    shard = tag.split(":")[2:]
    kind = await client.type(name)
    groups = await client.xinfo_groups(name) if kind == "stream" else []
    return RedisKey(
        name=name,
        shard=int(shard[0]) if shard else None,
        suffix=suffix,
        kind=kind,
        size=int(await client.llen(name)) if kind == "list" else 0,
        pending=sum(group["pending"] for group in groups),
        consumers=sum(group["consumers"] for group in groups),
    )
