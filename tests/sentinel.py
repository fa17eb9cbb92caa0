"""A Redis with a replica, watched by Sentinels, each a process of its own; of the wheel's program or of another one."""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from redis import Redis
from redis.exceptions import RedisError

from chimera_cli.local.process import free_port, wait_until
from chimera_cli.local.redis_server import RedisServer
from tests.servers import or_skip

SERVICE = "main"


class WatchedRedis(RedisServer):
    """A server that may become a replica of its like."""

    def __init__(
        self, folder: Path, password: str, *, of: RedisServer | None = None, program: Path | None = None
    ) -> None:
        super().__init__(folder, free_port(), password)
        self._of = of
        self._program = program

    def prepare(self) -> Sequence[str | Path]:
        program, configuration = super().prepare()
        return (self._program or program, configuration)

    def _configuration(self) -> list[str]:
        lines = [*super()._configuration(), f'masterauth "{self._password}"', "repl-diskless-sync-delay 0"]
        return lines if self._of is None else [*lines, f"replicaof 127.0.0.1 {self._of.port}"]

    def client(self) -> Redis:
        """Connect to this very server, whatever it is at present."""
        return Redis.from_url(self.url, decode_responses=True, protocol=2)

    @property
    def role(self) -> str:
        """Say what it is now; a failover cuts the one who asks."""
        with suppress(RedisError), self.client() as client:
            return str(client.info("replication")["role"])
        return "unknown"


class SentinelServer(RedisServer):
    """One Sentinel."""

    name = "Redis Sentinel"

    def __init__(
        self, folder: Path, password: str, primary: RedisServer, *, quorum: int, secret: str, program: Path | None
    ) -> None:
        super().__init__(folder, free_port(), password)
        self._primary = primary
        self._quorum = quorum
        self._secret = secret
        self._program = program

    def prepare(self) -> Sequence[str | Path]:
        program, configuration = super().prepare()
        return (self._program or program, configuration, "--sentinel")

    def _configuration(self) -> list[str]:
        return [
            "bind 127.0.0.1",
            f"port {self.port}",
            "daemonize no",
            "set-proc-title no",
            f'dir "{self.folder}"',
            f'pidfile "{self.pidfile}"',
            f'requirepass "{self._password}"',
            f'sentinel sentinel-pass "{self._password}"',
            f"sentinel monitor {SERVICE} 127.0.0.1 {self._primary.port} {self._quorum}",
            f'sentinel auth-pass {SERVICE} "{self._secret}"',
            f"sentinel down-after-milliseconds {SERVICE} 1000",
            f"sentinel failover-timeout {SERVICE} 10000",
        ]


class Watched:
    """A service: two servers and the Sentinels that watch them."""

    def __init__(self, folder: Path, *, sentinels: int = 1, program: Path | None = None) -> None:
        self.secret, self._pass = secrets.token_urlsafe(12), secrets.token_urlsafe(12)
        first = WatchedRedis(folder / "one", self.secret, program=program)
        self.servers = (first, WatchedRedis(folder / "two", self.secret, of=first, program=program))
        self.sentinels = [
            SentinelServer(
                folder / f"sentinel-{n}",
                self._pass,
                first,
                quorum=sentinels // 2 + 1,
                secret=self.secret,
                program=program,
            )
            for n in range(sentinels)
        ]

    def __enter__(self) -> "Watched":
        try:
            for server in (*self.servers, *self.sentinels):
                or_skip(server.start, server)
            self.until_ready()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for server in (*self.sentinels, *self.servers):
            server.stop()

    @property
    def url(self) -> str:
        """Where chimera connects."""
        return self.url_for()

    def url_for(self, service: str = SERVICE, *, password: str | None = None) -> str:
        """Name the address of a service, or give the Sentinels another password."""
        places = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://:{self.secret}@{places}/{service}/0?sentinel_password={password or self._pass}"

    def until_ready(self) -> None:
        """Wait until a failover can be."""
        assert wait_until(self.ready, timeout_s=60), "no Sentinel knows the replica"

    def ready(self) -> bool:
        """Tell whether each Sentinel knows a replica that is up, and all its like: a failover needs both."""
        states = [fields(self.ask(sentinel, f"sentinel master {SERVICE}")) for sentinel in self.sentinels]
        known = [self.ask(sentinel, f"sentinel replicas {SERVICE}") for sentinel in self.sentinels]
        linked = all(replicas and fields(replicas[0]).get("master-link-status") == "ok" for replicas in known)
        return linked and all(int(state["num-other-sentinels"]) == len(self.sentinels) - 1 for state in states)

    @property
    def primary(self) -> WatchedRedis:
        """The server that the first Sentinel names."""
        _, port = self.ask(self.sentinels[0], f"sentinel get-master-addr-by-name {SERVICE}")
        return next(server for server in self.servers if server.port == int(port))

    def fail_over(self) -> None:
        """Have the other server become the primary, as an operator does; returns when it is, and the old one follows it."""
        old = self.primary
        self.ask(self.sentinels[0], f"sentinel failover {SERVICE}")
        assert wait_until(lambda: self.primary is not old, timeout_s=60)
        assert wait_until(lambda: old.role == "slave", timeout_s=60)

    def ask(self, sentinel: SentinelServer, words: str) -> list:
        """Ask a Sentinel."""
        with Redis.from_url(sentinel.url, decode_responses=True, protocol=2) as client:
            client.response_callbacks.clear()
            answer = client.execute_command(*words.split())
            return answer if isinstance(answer, list) else [answer]


def fields(answer: list[str]) -> dict[str, str]:
    """Put names and values that stand in turns together."""
    return dict(zip(answer[::2], answer[1::2], strict=True))
