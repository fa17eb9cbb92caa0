"""A swarm on a Redis Cluster on loopback."""

from collections.abc import Mapping

from benchmarks.installation import Installation
from chimera_cli.simulation.chaos.cluster import NODES, Cluster

__all__ = ["NODES", "ClusterInstallation"]


class ClusterInstallation(Installation):
    """An installation whose swarm lives on a cluster; the single Redis beside it has nothing to do."""

    def __init__(self) -> None:
        super().__init__()
        cluster = Cluster(self.folder, "unguarded")
        self.nodes = cluster.nodes
        self.ends.callback(cluster.stop)
        cluster.start()
        self.environment["REDIS_URL"] = cluster.url

    @property
    def servers(self) -> Mapping[str, int | None]:
        """The servers' processes, by name."""
        return {**super().servers, **{f"redis-{number}": node.pid() for number, node in enumerate(self.nodes)}}
