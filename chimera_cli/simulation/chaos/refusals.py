"""Ways to have a real Redis refuse writes, each as its operator might come to it; the cure is at the end of the block."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from redis import Redis

from chimera_cli.exceptions import BackendUnavailable
from chimera_cli.local.process import wait_until
from chimera_cli.local.redis_server import RedisServer
from chimera_cli.models.drill import FaultKind

Refusal = Callable[[RedisServer], AbstractContextManager[None]]
SAVED_WITHIN_S = 20.0
"""How long a snapshot may take."""


def admin(server: RedisServer) -> Any:
    """Connect as the user who may do anything. Untyped: what its methods return depends on the protocol."""
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
        try:
            save(client, "err")
            yield
        finally:
            (in_the_way / "file").unlink()
            in_the_way.rmdir()
            save(client, "ok")
            client.config_set("save", "")


def save(client: Any, status: str) -> None:
    """Have it save a snapshot, and wait until that has ended so.

    Raises:
        BackendUnavailable: It did not.
    """
    client.bgsave()
    if not wait_until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == status, timeout_s=SAVED_WITHIN_S):
        raise BackendUnavailable("the local Redis", f"no snapshot ended with {status}")


@contextmanager
def replica(server: RedisServer) -> Iterator[None]:
    """Make it the replica of a server that is not there."""
    with admin(server) as client:
        client.replicaof("127.0.0.1", "1")
        try:
            yield
        finally:
            client.replicaof("NO", "ONE")


REFUSED: Mapping[FaultKind, Refusal] = {
    FaultKind.OOM: full,
    FaultKind.MISCONF: unsaved,
    FaultKind.READONLY: replica,
}
"""What brings about each kind of fault."""
