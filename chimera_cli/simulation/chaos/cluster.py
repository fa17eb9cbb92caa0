"""A Redis Cluster on loopback: nodes that know each other and share all slots."""

import asyncio
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from redis import Redis

from chimera_cli.adapters.keys import SLOTS, Keys, slot
from chimera_cli.exceptions import BackendUnavailable
from chimera_cli.local.process import free_port, wait_until
from chimera_cli.local.redis_server import RedisServer
from chimera_cli.simulation.chaos.slots import MovingSlots

NODES = 3
BUS_OFFSET = 10_000
"""A node listens for its peers this far above its port."""
TOGETHER_WITHIN_S = 20
KEYS_A_STEP = 5
"""Keys of a slot that move at once: few, so that scripts meet slots that are on the way."""


class Cluster:
    """The nodes, with one password."""

    def __init__(self, folder: Path, password: str) -> None:
        """Args:
        folder: Where each has a folder.
        password: Of all of them.
        """
        self.nodes = [
            RedisServer(folder / f"node-{number}", cluster_port(), password, cluster=True) for number in range(NODES)
        ]

    @property
    def url(self) -> str:
        """Where clients begin to look."""
        return self.nodes[0].url

    def start(self) -> None:
        """Start all nodes and make them one cluster.

        Raises:
            BackendUnavailable: They do not agree.
        """
        for node in self.nodes:
            node.start()
        join(self.nodes)

    def stop(self) -> None:
        """End whatever runs."""
        for node in self.nodes:
            node.stop()

    async def reshard(self, keys: Keys, away: int, pause_s: float) -> None:
        """Move the slots of a swarm to other nodes, a few keys at a time.

        Args:
            keys: Names of the swarm's keys.
            away: How many nodes further.
            pause_s: Time between two steps.

        Raises:
            RedisError: The nodes do not take it; as with `redis-cli --cluster reshard`, the slot is left half-way.
        """
        tags = [*(keys.shard(index) for index in range(keys.shards)), keys.fleet]
        with MovingSlots([node.url for node in self.nodes]) as slots:
            for number in {slot(tag.strip("{}")) for tag in tags}:
                source = slots.owner(number)
                target = (source + away) % len(self.nodes)
                await asyncio.to_thread(slots.begin, number, source, target)
                carried = KEYS_A_STEP
                while carried:
                    carried = await asyncio.to_thread(slots.carry, number, source, target, KEYS_A_STEP)
                    await asyncio.sleep(pause_s)
                await asyncio.to_thread(slots.end, number, source, target)


def join(nodes: Sequence[RedisServer]) -> None:
    """Introduce the nodes to each other and share out the slots.

    Raises:
        BackendUnavailable: They do not agree.
    """
    for number, node in enumerate(nodes):
        first, last = (SLOTS * edge // len(nodes) for edge in (number, number + 1))
        with Redis.from_url(node.url) as client:
            client.execute_command("CLUSTER", "ADDSLOTS", *range(first, last))
            for peer in nodes[:number]:
                client.execute_command("CLUSTER", "MEET", "127.0.0.1", peer.port)
    agree(nodes)


def agree(nodes: Sequence[RedisServer]) -> None:
    """Wait until all nodes know each other and serve all slots.

    Raises:
        BackendUnavailable: They do not agree.
    """
    with ExitStack() as ends:
        clients: list[Any] = [ends.enter_context(Redis.from_url(node.url, decode_responses=True)) for node in nodes]
        if not wait_until(lambda: all(_agrees(client, len(nodes)) for client in clients), timeout_s=TOGETHER_WITHIN_S):
            raise BackendUnavailable("the local cluster", f"its nodes do not agree within {TOGETHER_WITHIN_S} s")


def cluster_port() -> int:
    """Name a free port whose companion for the cluster bus is free too."""
    while True:
        port = free_port()
        if port + BUS_OFFSET > 65_535:
            # Ports given out by the system are mostly in this range: fold them down.
            port -= 30_000
        if _is_free(port) and _is_free(port + BUS_OFFSET):
            return port


def _agrees(client: Any, nodes: int) -> bool:
    told = str(client.execute_command("CLUSTER", "INFO"))
    return "cluster_state:ok" in told and f"cluster_known_nodes:{nodes}" in told


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
