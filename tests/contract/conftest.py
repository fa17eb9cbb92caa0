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
def keys() -> Keys:
    """Key names that no other test uses."""
    return Keys(uuid4().hex)


@pytest.fixture
def make_queue(client: RedisClient, keys: Keys) -> MakeQueue:
    """Make a queue whose leases hold for the given seconds; 0 makes every claim an abandoned one at once."""
    return lambda lease_s=60: RedisTaskQueue(client, keys, LeasePolicy(lease=timedelta(seconds=lease_s)))


@pytest.fixture
def queue(make_queue: MakeQueue) -> RedisTaskQueue:
    return make_queue()


@pytest.fixture
def state(client: RedisClient, keys: Keys) -> RedisGlobalState:
    return RedisGlobalState(client, keys)


@pytest.fixture
def events(client: RedisClient, keys: Keys) -> RedisEventStream:
    return RedisEventStream(client, keys)
