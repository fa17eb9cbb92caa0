"""Taking a family of keys away from a Redis that goes on."""

import re

from chimera_cli.adapters.keys import Keys
from chimera_cli.local.redis_server import RedisServer
from chimera_cli.simulation.chaos.refusals import admin


def lose(server: RedisServer, keys: Keys, family: str) -> int:
    """Delete all keys of a family, as the key map names it; returns how many there were."""
    suffix = re.sub("<[^>]+>", "*", family)
    with admin(server) as client:
        found = [
            name for shard in range(keys.shards) for name in client.scan_iter(match=f"{keys.shard(shard)}:{suffix}")
        ]
        return sum(client.unlink(name) for name in found)
