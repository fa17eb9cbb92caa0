"""A Redis Cluster on loopback: nodes that know each other and share all slots."""

import socket
from collections.abc import Mapping, Sequence

from redis import Redis

from benchmarks.installation import Installation
from chimera_cli.local.process import free_port, wait_until
from chimera_cli.local.redis_server import RedisServer

NODES = 3
SLOTS = 16384
BUS_OFFSET = 10_000
"""A node listens for its peers this far above its port."""
TOGETHER_WITHIN_S = 20


class ClusterInstallation(Installation):
    """An installation whose swarm lives on a cluster; the single Redis beside it has nothing to do."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes = [
            RedisServer(self.folder / f"node-{number}", cluster_port(), "unguarded", cluster=True)
            for number in range(NODES)
        ]
        for node in self.nodes:
            self.ends.callback(node.stop)
            node.start()
        join(self.nodes)
        self.environment["REDIS_URL"] = self.nodes[0].url

    @property
    def servers(self) -> Mapping[str, int | None]:
        """The servers' processes, by name."""
        return {**super().servers, **{f"redis-{number}": node.pid() for number, node in enumerate(self.nodes)}}


def join(nodes: Sequence[RedisServer]) -> None:
    """Introduce the nodes to each other and share out the slots.

    Raises:
        TimeoutError: They do not agree.
    """
    clients = [Redis.from_url(node.url, decode_responses=True) for node in nodes]
    try:
        for number, client in enumerate(clients):
            first, last = (SLOTS * edge // len(nodes) for edge in (number, number + 1))
            client.execute_command("CLUSTER", "ADDSLOTS", *range(first, last))
            for peer in nodes[:number]:
                client.execute_command("CLUSTER", "MEET", "127.0.0.1", peer.port)
        if not wait_until(lambda: all(_agrees(client, len(nodes)) for client in clients), timeout_s=TOGETHER_WITHIN_S):
            raise TimeoutError(f"not within {TOGETHER_WITHIN_S} s: {len(nodes)} nodes agree on a cluster")
    finally:
        for client in clients:
            client.close()


def cluster_port() -> int:
    """Name a free port whose companion for the cluster bus is free too."""
    while True:
        port = free_port()
        if port + BUS_OFFSET > 65_535:
            # Ports given out by the system are mostly in this range: fold them down.
            port -= 30_000
        if _is_free(port) and _is_free(port + BUS_OFFSET):
            return port


def _agrees(client: Redis, nodes: int) -> bool:
    told = str(client.execute_command("CLUSTER", "INFO"))
    return "cluster_state:ok" in told and f"cluster_known_nodes:{nodes}" in told


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
