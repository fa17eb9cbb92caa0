"""Ways to have a real Redis refuse writes, each as its operator might come to it; the cure is at the end of the block."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from redis import Redis

from chimera_cli.local.process import wait_until
from chimera_cli.local.redis_server import RedisServer
from tests.acl import USER, rules

Refusal = Callable[[RedisServer], AbstractContextManager[None]]


def admin(server: RedisServer) -> Redis:
    """Connect as the user who may do anything."""
    return Redis.from_url(server.url, decode_responses=True, protocol=2)


@contextmanager
def full(server: RedisServer) -> Iterator[None]:
    """Have it use more memory than it may."""
    with admin(server) as client:
        client.config_set("maxmemory", 1)
        try:
            yield
        finally:
            client.config_set("maxmemory", 0)


@contextmanager
def unsaved(server: RedisServer) -> Iterator[None]:
    """Have it fail to save a snapshot: where the file should be is a folder."""
    in_the_way = server.folder / "dump.rdb"
    with admin(server) as client:
        in_the_way.unlink(missing_ok=True)
        in_the_way.mkdir()
        (in_the_way / "file").touch()
        client.config_set("save", "3600 1")
        save(client, "err")
        try:
            yield
        finally:
            (in_the_way / "file").unlink()
            in_the_way.rmdir()
            save(client, "ok")
            client.config_set("save", "")


def save(client: Redis, status: str) -> None:
    """Have it save a snapshot, and wait until that has ended so."""
    client.bgsave()
    assert wait_until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == status, timeout_s=20)


@contextmanager
def replica(server: RedisServer) -> Iterator[None]:
    """Make it the replica of a server that is not there."""
    with admin(server) as client:
        client.replicaof("127.0.0.1", "1")
        try:
            yield
        finally:
            client.replicaof("NO", "ONE")


@contextmanager
def lonely(server: RedisServer) -> Iterator[None]:
    """Have it want a replica."""
    with admin(server) as client:
        client.config_set("min-replicas-to-write", 1)
        try:
            yield
        finally:
            client.config_set("min-replicas-to-write", 0)


@contextmanager
def forbidden(server: RedisServer) -> Iterator[None]:
    """Forbid the user of deploy/redis.acl to write."""
    with admin(server) as client:
        client.execute_command("ACL", "SETUSER", USER, "-@write")
        try:
            yield
        finally:
            client.execute_command("ACL", "SETUSER", USER, "reset", *rules())


REFUSALS: Mapping[str, Refusal] = {
    "OOM": full,
    "MISCONF": unsaved,
    "READONLY": replica,
    "NOREPLICAS": lonely,
    "NOPERM": forbidden,
}
"""By the word with which the server refuses."""
