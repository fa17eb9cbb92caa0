"""A real Redis on loopback, configured as production must be: password, AOF, and never evicting."""

import socket
from collections.abc import Sequence
from pathlib import Path

from chimera_cli.local import binaries
from chimera_cli.local.private_file import write_private
from chimera_cli.local.server import LocalServer

ANSWER_WITHIN_S = 2.0


class RedisServer(LocalServer):
    """One Redis process; `durable=False` for a stack that is thrown away, `cluster=True` for one node of a cluster."""

    name = "Redis"

    def __init__(self, folder: Path, port: int, password: str, *, durable: bool = True, cluster: bool = False) -> None:
        super().__init__(folder, port, password)
        self._durable = durable
        self._cluster = cluster

    @property
    def url(self) -> str:
        """Where clients connect, password included."""
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    @property
    def pidfile(self) -> Path:
        """Written by Redis itself."""
        return self.folder / "redis.pid"

    @property
    def marks(self) -> Sequence[str]:
        """The configuration file, the only argument."""
        return (str(self._configuration_file),)

    def prepare(self) -> Sequence[str | Path]:
        """Write the configuration file, readable by us alone: the password is in it and never on the command line."""
        write_private(self._configuration_file, "".join(f"{line}\n" for line in self._configuration()))
        return (binaries.redis_server(), self._configuration_file)

    def answers(self) -> bool:
        """Speak two words of the protocol; importing a client for that would cost 120 ms."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_WITHIN_S) as connection:
                connection.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                with connection.makefile("rb") as replies:
                    return replies.readline() == b"+OK\r\n" and replies.readline() == b"+PONG\r\n"
        except OSError:
            return False

    @property
    def _configuration_file(self) -> Path:
        return self.folder / "redis.conf"

    def _configuration(self) -> list[str]:
        lines = [
            "bind 127.0.0.1",
            f"port {self.port}",
            "protected-mode yes",
            "daemonize no",
            # Its own title would hide the command line by which we know this process again.
            "set-proc-title no",
            f'dir "{self.folder}"',
            f'pidfile "{self.pidfile}"',
            f'requirepass "{self._password}"',
            "maxmemory-policy noeviction",
            'save ""',
            f"appendonly {'yes' if self._durable else 'no'}",
            "appendfsync everysec",
        ]
        if self._cluster:
            lines += ["cluster-enabled yes", "cluster-config-file nodes.conf", "cluster-node-timeout 5000"]
            # A node that is away takes its own slots away, and no others.
            lines += ["cluster-require-full-coverage no"]
        return lines
