"""Connections to Redis: a single server, one behind Sentinel, or a cluster, told apart by the URL and by asking."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster

from chimera_cli.adapters.redis_cluster import ListeningCluster
from chimera_cli.adapters.redis_connections import LEAVING
from chimera_cli.adapters.redis_errors import redis_errors
from chimera_cli.adapters.redis_sentinel import check_service, is_sentinel_url, sentinel_client
from chimera_cli.exceptions import BackendUnavailable, ConfigError
from chimera_cli.models.eviction import NEVER

RedisClient = Redis | RedisCluster
"""Either kind of client; both know the few commands that chimera uses."""

#: Connections of one process. The pool makes callers wait for a free one; the default pool would raise instead.
MAX_CONNECTIONS = 16
#: Longest wait for a reply [s]. Above the longest blocking read (1 s), far below the lease (15 s).
SOCKET_TIMEOUT_S = 5.0
#: Longest wait for a connection [s]: start-up checks must end within 3 s.
CONNECT_TIMEOUT_S = 2.0
#: How every connection is made.
OPTIONS: Mapping[str, Any] = {
    "decode_responses": True,
    "encoding_errors": "replace",
    # RESP3 makes fakeredis hand a flattened XREADGROUP reply to Lua; real servers hand RESP2 arrays either way.
    "protocol": 2,
    "socket_timeout": SOCKET_TIMEOUT_S,
    "socket_connect_timeout": CONNECT_TIMEOUT_S,
    # Who asks is nobody's business, and a server of 7.0 does not know the command that tells.
    "driver_info": None,
}
#: Oldest server whose scripts we were tested with: XADD, ZADD GT and ZADD INCR inside Lua.
OLDEST_VERSION = (6, 2)


@asynccontextmanager
async def open_redis(url: str, *, required: bool = True, looks: bool = False) -> AsyncIterator[RedisClient]:
    """Connect, check that the server fits, and close at the end.

    Args:
        url: redis://, rediss://, unix://, redis+sentinel:// or rediss+sentinel://.
        required: Whether a server that is away is an error now; else it is one when it is first used.
        looks: Whether the client puts no work in; a server that evicts keys is accepted then.

    Raises:
        BackendUnavailable: Nobody answers.
        ConfigError: Wrong password, a replica, or a server that may lose or evict work.
    """
    try:
        client = await connect(url, looks=looks)
    except BackendUnavailable:
        if required:
            raise
        client = single_client(url)
    try:
        yield client
    finally:
        await (client.end() if isinstance(client, ListeningCluster) else client.aclose())


async def connect(url: str, *, looks: bool = False) -> RedisClient:
    """Return a client for the server or the cluster behind the URL; see `open_redis` for what it raises."""
    single = single_client(url)
    try:
        with redis_errors(starting=True):
            await check_service(single)
            info = await single.info()
        clustered = int(info.get("cluster_enabled", 0)) == 1
        if not clustered:
            check_role(str(info.get("role", "master")), behind_sentinel=is_sentinel_url(url))
        # Not by CONFIG GET, which managed servers and a user of deploy/redis.acl refuse.
        check_version(str(info.get("redis_version", "0")))
        if not looks:
            check_eviction(str(info.get("maxmemory_policy", NEVER)))
    except BaseException:
        await single.aclose()
        raise
    if not clustered:
        return single
    await single.aclose()
    return ListeningCluster.from_url(url, **OPTIONS)


def check_version(version: str) -> None:
    """Refuse a server that is too old.

    Raises:
        ConfigError: It is.
    """
    if not new_enough(version):
        raise ConfigError(f"Redis {version} is too old, 6.2 is the oldest that works", hint="use Redis 6.2 or newer")


def check_eviction(policy: str) -> None:
    """Refuse a server that would evict queued work when memory runs short.

    Raises:
        ConfigError: It would.
    """
    if policy != NEVER:
        raise ConfigError(
            f"Redis evicts keys when memory runs short (maxmemory-policy {policy}), which would lose tasks",
            hint="redis-cli CONFIG SET maxmemory-policy noeviction",
        )


def new_enough(version: str) -> bool:
    """Whether a server's version, such as `7.2.4`, is one that the scripts work on."""
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) >= OLDEST_VERSION


def check_role(role: str, *, behind_sentinel: bool) -> None:
    """Refuse a server that takes no writes because it follows another one.

    Raises:
        ConfigError: It is a replica.
        BackendUnavailable: It is one for now, in the middle of a failover.
    """
    if role != "slave":
        return
    if behind_sentinel:
        raise BackendUnavailable("Redis", "the server that Sentinel names is a replica still")
    raise ConfigError(
        "REDIS_URL names a replica, which takes no writes",
        hint="name the primary, or its Sentinels, which know it after a failover too: redis+sentinel://...",
    )


def single_client(url: str, **options: Any) -> Redis:
    """Make a client for one server, or for the primary that Sentinel names; nothing connects yet.

    Args:
        url: As for `open_redis`.
        options: What differs from the options that all connections have.

    Raises:
        ConfigError: The URL cannot be understood.
    """
    given = {"max_connections": MAX_CONNECTIONS, "timeout": SOCKET_TIMEOUT_S, **OPTIONS, **options}
    try:
        if is_sentinel_url(url):
            return sentinel_client(url, given)
        pool = BlockingConnectionPool.from_url(url, **given)
    except ValueError as exc:
        raise ConfigError("REDIS_URL is not a Redis URL", hint="redis://:password@host:6379/0") from exc
    pool.connection_class = LEAVING.get(pool.connection_class, pool.connection_class)
    return Redis.from_pool(pool)
