"""Reading what Redis holds for a swarm: every key with its type, its size and its content."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis import Redis, RedisCluster

from chimera_cli.simulation.history.rows import RedisKey

AT_ONCE = 1000
"""Keys asked for in one scan, and elements of a key that are read."""


def read_keys(redis_url: str, namespace: str) -> tuple[RedisKey, ...]:
    """List the swarm's keys by name; one of a shard that should not exist is among them."""
    with _connected(redis_url) as client:
        named = sorted(name for pattern in _patterns(namespace) for name in client.scan_iter(pattern, count=AT_ONCE))
        return tuple(key for name in dict.fromkeys(named) if (key := _read(client, name, namespace)))


def _patterns(namespace: str) -> tuple[str, str]:
    return f"{{chimera:{namespace}}}*", f"{{chimera:{namespace}:*}}*"


@contextmanager
def _connected(redis_url: str) -> Iterator[Any]:
    options: dict[str, Any] = {"decode_responses": True, "encoding_errors": "replace", "protocol": 2}
    client: Redis | RedisCluster = Redis.from_url(redis_url, **options)
    try:
        if client.info("cluster").get("cluster_enabled"):
            client.close()
            client = RedisCluster.from_url(redis_url, **options)
        yield client
    finally:
        client.close()


def _read(client: Any, name: str, namespace: str) -> RedisKey | None:
    """Read one key; None when it vanished meanwhile."""
    found = re.match(rf"\{{chimera:{re.escape(namespace)}(?::(\d+)(?::\d+)?)?\}}:?(.*)", name, re.DOTALL)
    kind = client.type(name)
    if found is None or kind not in SIZES:
        return None
    groups = client.xinfo_groups(name) if kind == "stream" else []
    return RedisKey(
        name=name,
        shard=None if found[1] is None else int(found[1]),
        suffix=found[2],
        kind=kind,
        size=int(SIZES[kind](client, name)),
        pending=sum(group["pending"] for group in groups),
        consumers=sum(group["consumers"] for group in groups),
        text=str(TEXTS[kind](client, name)),
    )


SIZES = {
    "string": lambda client, name: client.strlen(name),
    "hash": lambda client, name: client.hlen(name),
    "list": lambda client, name: client.llen(name),
    "set": lambda client, name: client.scard(name),
    "zset": lambda client, name: client.zcard(name),
    "stream": lambda client, name: client.xlen(name),
}
"""How each type is measured."""
TEXTS = {
    "string": lambda client, name: client.get(name),
    "hash": lambda client, name: client.hgetall(name),
    "list": lambda client, name: client.lrange(name, 0, AT_ONCE),
    "set": lambda client, name: client.smembers(name),
    "zset": lambda client, name: client.zrange(name, 0, AT_ONCE, withscores=True),
    "stream": lambda client, name: client.xrange(name, count=AT_ONCE),
}
"""How each type is read."""
