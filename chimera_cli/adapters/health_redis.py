"""What `chimera doctor` asks of Redis: whether it can do what the roles ask of it. A check is a function in a table."""

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import RedisCluster

from chimera_cli.adapters.health import PATIENCE_S, clock_check, down, unknown
from chimera_cli.adapters.health_disk import free_for_redis
from chimera_cli.adapters.health_redis_info import (
    Info,
    disk_check,
    eviction_check,
    memory_check,
    persistence_check,
    replicas_check,
    role_check,
    version_check,
)
from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import OPTIONS, RedisClient, single_client
from chimera_cli.adapters.redis_cluster import ListeningCluster
from chimera_cli.adapters.redis_errors import redis_errors
from chimera_cli.adapters.redis_sentinel import check_service
from chimera_cli.adapters.scripts import Scripts
from chimera_cli.exceptions import SwarmError
from chimera_cli.models.check import Check

WRITE, CLOCK = "redis.write", "redis clock"
JUDGES: Mapping[str, Callable[[Info], Check]] = {
    "redis version": version_check,
    "redis eviction": eviction_check,
    "redis persistence": persistence_check,
    "redis.role": role_check,
    "redis.memory": memory_check,
    "redis.disk": disk_check,
    "redis.replicas": replicas_check,
}
"""What is judged by what a server says of itself."""
WAYS: Mapping[str, Any] = {"socket_timeout": PATIENCE_S, "socket_connect_timeout": PATIENCE_S}


async def redis_checks(url: str, keys: Keys) -> AsyncIterator[Check]:
    """Look at Redis, all primaries of a cluster, and try a script and a write in each shard."""
    try:
        with redis_errors():
            async with single_client(url, **WAYS) as single:
                await check_service(single)
                info: dict[str, Any] = await single.info()
                seconds, micros = await single.time()
    except (SwarmError, ValueError) as error:
        yield down("redis", error, "chimera up, or correct REDIS_URL")
        for name in (*JUDGES, WRITE, CLOCK):
            yield unknown(name, "redis")
        return
    yield Check(name="redis", ok=True, detail="reachable")
    clustered = int(info.get("cluster_enabled", 0)) == 1
    client = ListeningCluster.from_url(url, **{**OPTIONS, **WAYS}) if clustered else single_client(url, **WAYS)
    try:
        infos = await _infos(client, info)
        for judge in JUDGES.values():
            yield worst([(node, judge({**said, "free": free_for_redis(said)})) for node, said in infos.items()])
        yield await write_check(client, keys)
    finally:
        await (client.end() if isinstance(client, ListeningCluster) else client.aclose())
    yield clock_check(CLOCK, datetime.fromtimestamp(seconds + micros / 1e6, UTC), datetime.now(UTC))


async def write_check(client: RedisClient, keys: Keys) -> Check:
    """Do in each shard what every script begins with: a script that writes, and changes nothing."""
    try:
        with redis_errors():
            for shard in range(keys.shards):
                await Scripts(client).call("probe", keys.shard(shard))
    except SwarmError as error:
        return down(WRITE, error, "correct what it complains of")
    return Check(name=WRITE, ok=True, detail="runs scripts and takes their writes")


def worst(checks: list[tuple[str, Check]]) -> Check:
    """Return the check of the server that is worst off, with its name where there are several."""
    node, check = min(checks, key=lambda each: (each[1].ok, not each[1].warn))
    return check if len(checks) == 1 else check.model_copy(update={"detail": f"{node}: {check.detail}"})


async def _infos(client: RedisClient, info: Info) -> dict[str, Info]:
    """Return what each primary says of itself; the one that was asked, when the others cannot be asked."""
    if isinstance(client, RedisCluster):
        try:
            with redis_errors():
                said = await client.info(target_nodes=RedisCluster.PRIMARIES)
        except SwarmError:
            return {"the node that was asked": info}  # `redis.write` tells why.
        return {"primary": said} if "redis_version" in said else dict(said)
    return {"": info}
