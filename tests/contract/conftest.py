"""The Redis contract suites run three times: on fakeredis, on a real Redis and on a real three-node Redis Cluster."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from fakeredis import FakeAsyncRedis

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import RedisClient, open_redis
from chimera_cli.adapters.redis_events import RedisEventStream
from chimera_cli.adapters.redis_queue import RedisTaskQueue
from chimera_cli.adapters.redis_state import RedisGlobalState
from chimera_cli.models.policy import LeasePolicy
from tests.acl import limited_url
from tests.servers import Servers
from tests.vouching import vouch

MakeQueue = Callable[..., RedisTaskQueue]


@pytest.fixture(params=["fake", "redis", "cluster"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[RedisClient]:
    if request.param == "fake":
        fake = FakeAsyncRedis(decode_responses=True, protocol=2)
        yield fake
        await fake.aclose()
        return
    url = request.getfixturevalue(f"{request.param}_url")
    async with open_redis(url) as real:
        yield real


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
def keys() -> Keys:
    """Key names that no other test uses."""
    return Keys(uuid4().hex)


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
