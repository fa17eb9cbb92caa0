"""A failover that is half seen: a copy of Redis is the primary for some, while the old one still answers the others."""

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from chimera_cli.exceptions import BackendUnavailable
from chimera_cli.local.process import wait_until
from chimera_cli.local.redis_server import RedisServer
from chimera_cli.simulation.chaos.refusals import admin
from chimera_cli.simulation.chaos.servers import DrillServers
from chimera_cli.simulation.proxy import Wire

SYNCED_WITHIN_S = 20.0
"""How long a copy may take."""
CAUGHT_UP_WITHIN_MS = 10_000
"""How long the last writes may take to be in it."""


async def split(servers: DrillServers, wires: Sequence[Wire], apart_s: float) -> None:
    """Have a copy take over for those behind some wires. After a while it dies, and the old primary is started anew for all.

    Args:
        servers: The servers.
        wires: Wires to Redis that lead to the copy meanwhile.
        apart_s: How long there are two primaries.

    Raises:
        BackendUnavailable: There is no copy, or the old one did not start again.
    """
    async with servers.turns["other"], servers.turns["redis"]:
        await asyncio.to_thread(promote, servers.redis, servers.other)
        try:
            _lead(wires, servers.other)
            await asyncio.sleep(apart_s)
        finally:
            _lead(wires, servers.redis)
            await servers.crash(servers.other)
        await servers.crash(servers.redis)
        await servers.revive("redis")


def promote(old: RedisServer, new: RedisServer) -> None:
    """Let the new server follow the old one until it has all its data, then be a primary of its own."""
    new.start()
    with admin(new) as replica, admin(old) as primary:
        # Or it would wait for further replicas first.
        primary.config_set("repl-diskless-sync-delay", 0)
        replica.config_set("masterauth", str(urlsplit(old.url).password))
        replica.replicaof("127.0.0.1", str(old.port))
        if not wait_until(lambda: _linked(replica), timeout_s=SYNCED_WITHIN_S):
            raise BackendUnavailable("the second Redis", "it has no copy of the first")
        primary.wait(1, CAUGHT_UP_WITHIN_MS)
        replica.replicaof("NO", "ONE")


def _linked(replica: Any) -> bool:
    return bool(replica.info("replication")["master_link_status"] == "up")


def _lead(wires: Sequence[Wire], server: RedisServer) -> None:
    for wire in wires:
        wire.lead_to(server.port)
        wire.cut()
