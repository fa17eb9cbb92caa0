"""Ways to have a real Redis refuse writes: the drill's, and those that need a user or a replica."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from chimera_cli.local.redis_server import RedisServer
from chimera_cli.simulation.chaos.refusals import Refusal, admin, full, replica, unsaved
from tests.acl import USER, rules

__all__ = ["REFUSALS", "admin"]


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
