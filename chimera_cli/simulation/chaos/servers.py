"""The private servers of a drill, and what can be done to them: killed, stopped, stalled, emptied, put back to an old copy."""

import asyncio
import os
import secrets
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from chimera_cli.adapters.keys import Keys
from chimera_cli.exceptions import BackendUnavailable
from chimera_cli.local.postgres_server import PostgresServer
from chimera_cli.local.process import free_port, is_running, wait_until
from chimera_cli.local.redis_server import RedisServer
from chimera_cli.local.server import LocalServer
from chimera_cli.local.stand_in import StandInServer
from chimera_cli.models.drill import FaultKind
from chimera_cli.simulation.chaos.clock import MovableClock, UnderAClock
from chimera_cli.simulation.chaos.cluster import Cluster
from chimera_cli.simulation.chaos.key_loss import lose
from chimera_cli.simulation.chaos.pooler import Pooler
from chimera_cli.simulation.chaos.refusals import REFUSED, admin

GONE_WITHIN_S = 10.0
"""How long a killed process may take to be gone."""
LATENCY_MS = "10-60"
"""Time that the stand-in model takes for an answer when nothing is wrong with it."""
LOG = "appendonly*"
"""The files in which Redis keeps its data: one, or from Redis 7 on a folder."""


class DrillServers:
    """Redis, PostgreSQL and the stand-in model, in a folder of their own; none of them outlives `stop`."""

    def __init__(self, folder: Path, seed: int, *, moves_clock: bool = False) -> None:
        """Args:
        folder: Where each has a folder.
        seed: Seed of the model's answers.
        moves_clock: Whether Redis gets a clock of its own.
        """
        self.clock: MovableClock | None = None
        """Redis' clock, if that can be moved."""
        password = secrets.token_urlsafe(24)
        self.redis = RedisServer(folder / "redis", free_port(), password)
        if moves_clock:
            self.clock = MovableClock(folder / "redis-clock")
            self.redis = UnderAClock(folder / "redis", free_port(), password)
            self.redis.clock = self.clock
        self.other = RedisServer(folder / "other-redis", free_port(), password)
        """A second Redis, for faults that need one; they start it."""
        self.postgres = PostgresServer(folder / "postgres", free_port(), secrets.token_urlsafe(24), durable=False)
        self.pooler = Pooler(folder / "pooler", self.postgres)
        """Leads to Postgres; rounds about it start it."""
        self.cluster: Cluster | None = None
        """A Redis Cluster, while rounds are played on one."""
        options = ("--latency-ms", LATENCY_MS)
        self.model = StandInServer(folder / "model", free_port(), seed=seed, options=options)
        self._copy = folder / "old-redis"
        self.turns = {name: asyncio.Lock() for name in self.all}
        """Held while a fault is about a server: two at once would start it twice."""

    @property
    def usual(self) -> dict[str, LocalServer]:
        """Those that run all the time, by the names that faults use."""
        return {"redis": self.redis, "postgres": self.postgres, "model": self.model}

    @property
    def all(self) -> dict[str, LocalServer]:
        """All that faults have a name for."""
        return {**self.usual, "other": self.other, "pooler": self.pooler}

    def start(self) -> None:
        """Start the usual ones.

        Raises:
            ConfigError: A program is missing.
            BackendUnavailable: One did not come up.
        """
        for server in self.usual.values():
            server.start()

    def stop(self) -> None:
        """End whatever runs, stalled or not."""
        for server in reversed(self.all.values()):
            _signal(server, signal.SIGCONT)
            server.stop()

    @contextmanager
    def joined(self, folder: Path) -> Iterator[Cluster]:
        """Start a cluster for a while."""
        self.cluster = Cluster(folder, secrets.token_urlsafe(24))
        try:
            self.cluster.start()
            yield self.cluster
        finally:
            self.cluster.stop()
            self.cluster = None

    async def kill(self, name: str, away_s: float) -> None:
        """End a server without warning, and start it again after a while."""
        async with self.turns[name]:
            await self.crash(self.all[name])
            await asyncio.sleep(away_s)
            await self.revive(name)

    async def halt(self, name: str, away_s: float) -> None:
        """Shut a server down in good order, and start it again after a while."""
        async with self.turns[name]:
            await asyncio.to_thread(self.all[name].stop)
            await asyncio.sleep(away_s)
            await self.revive(name)

    async def stall(self, name: str, stalled_s: float) -> None:
        """Let a server freeze for a while: its connections stay and nothing answers."""
        async with self.turns[name]:
            _signal(self.all[name], signal.SIGSTOP)
            try:
                await asyncio.sleep(stalled_s)
            finally:
                _signal(self.all[name], signal.SIGCONT)

    def remember(self) -> None:
        """Copy Redis' data as it is on disk now."""
        shutil.rmtree(self._copy, ignore_errors=True)
        self._copy.mkdir()
        _copy_log(self.redis.folder, self._copy)

    async def restore(self) -> None:
        """Kill Redis and let it come back with the remembered data."""
        async with self.turns["redis"]:
            await self.crash(self.redis)
            _drop_log(self.redis.folder)
            _copy_log(self._copy, self.redis.folder)
            await self.revive("redis")

    async def lose_tail(self, size: int) -> None:
        """Kill Redis and let it come back without what it wrote last, as after a loss of power."""
        async with self.turns["redis"]:
            await self.crash(self.redis)
            files = [path for path in self.redis.folder.rglob(LOG) if path.is_file() and path.suffix != ".manifest"]
            written = max(files, key=lambda path: path.stat().st_mtime)
            os.truncate(written, max(written.stat().st_size - size, 0))
            await self.revive("redis")

    async def flush(self) -> None:
        """Empty Redis."""
        async with self.turns["redis"]:
            await asyncio.to_thread(self._flush)

    async def refuse(self, kind: FaultKind, refused_s: float) -> None:
        """Have Redis refuse writes for a while."""
        async with self.turns["redis"]:
            with ExitStack() as ends:
                await asyncio.to_thread(ends.enter_context, REFUSED[kind](self.redis))
                await asyncio.sleep(refused_s)
                await asyncio.to_thread(ends.close)

    async def lose(self, keys: Keys, family: str) -> None:
        """Take a family of keys away."""
        async with self.turns["redis"]:
            await asyncio.to_thread(lose, self.redis, keys, family)

    async def revive(self, name: str) -> None:
        """Start a server anew. Whoever calls holds its turn."""
        try:
            await asyncio.to_thread(self.all[name].start)
        except BackendUnavailable:
            # A machine with too much to do gets a second chance: a drill is not about how fast servers start.
            await asyncio.to_thread(self.all[name].start)

    async def crash(self, server: LocalServer) -> None:
        """End a server without warning. Whoever calls holds its turn."""
        pids = list(_family(server))
        _signal(server, signal.SIGKILL)
        await asyncio.to_thread(wait_until, lambda: not any(map(_lives, pids)), timeout_s=GONE_WITHIN_S)

    def _flush(self) -> None:
        with admin(self.redis) as client:
            client.flushall()


def _family(server: LocalServer) -> Iterator[int]:
    """Name a server's processes: the one that was started, then its children."""
    pid = server.pid()
    if pid is None:
        return
    yield pid
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name, which may hold spaces and brackets, comes before state and parent.
            if int(file.read_text().rpartition(")")[2].split()[1]) == pid:
                yield int(file.parent.name)


def _signal(server: LocalServer, number: signal.Signals) -> None:
    for pid in list(_family(server)):
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _lives(pid: int) -> bool:
    return is_running(pid, ())


def _copy_log(source: Path, target: Path) -> None:
    for path in source.glob(LOG):
        if path.is_dir():
            shutil.copytree(path, target / path.name)
        else:
            shutil.copy2(path, target / path.name)


def _drop_log(folder: Path) -> None:
    for path in folder.glob(LOG):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
