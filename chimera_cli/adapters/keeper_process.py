"""The keeper: a small process beside a role's process that prolongs its leases while its event loop stands still.

User code shares the event loop, and a call in C may hold the whole interpreter; neither can hold up another process. Started by
adapters/lease_keeper.py with a brief on stdin, whose end is the end of the role's process. Nothing big is imported here. ADR 0026.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha1
from typing import Any

from redis.exceptions import NoScriptError, RedisClusterException, RedisError

from chimera_cli.adapters.keys import declared
from chimera_cli.adapters.lease_table import LeaseTable
from chimera_cli.adapters.redis_client import RedisClient, connect
from chimera_cli.adapters.redis_cluster import ListeningCluster
from chimera_cli.exceptions import EXIT_FAILED, SwarmError

LEASES_AT_ONCE = 250
"""Leases that one call prolongs: some 4 ms of the server's time."""
TICK_S = 1.0
"""Longest time between two looks at the role's process."""
MERCY_S = 5.0
"""How much longer than its patience the keeper waits for the watchdog's thread, which can say where the loop stands still."""
STOPPED = "Tt"
"""How Linux marks a process that was stopped from outside: it is no better than a dead one until it goes on."""
AWAY = (RedisError, RedisClusterException, SwarmError, OSError, TimeoutError)
"""What a server that is away raises."""
SEPARATOR = "\x1f"
"""Between the parts of a lease: stage, shard, task, generation, agent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Brief:
    """What the keeper is told at its start."""

    url: str
    """Where Redis is, with its password: on a pipe, for `ps` shows what stands on a command line."""
    memory: int
    """Descriptor of the lease table."""
    parent: int
    """The role's process."""
    process: str
    """Its id in the fleet."""
    fleet: str
    """Tag of the fleet's keys."""
    shards: Sequence[str]
    """Tags of the shards' keys."""
    scripts: dict[str, str]
    """Texts of `extend` and `stall`."""
    lease_s: float
    beat_s: float
    stalled_s: float
    """Silence after which the loop counts as stalled."""
    patience_s: float
    """Silence after which nothing is prolonged any more."""


class Parent:
    """The role's process, as it is seen from outside."""

    def __init__(self, brief: Brief, table: LeaseTable) -> None:
        self._pid, self._table = brief.parent, table
        self._stamp, self._looked = table.alive, time.monotonic()
        self.silence = 0.0
        """How long its event loop has stood still, in s. Counted by looks, so that a machine that slept is no silence."""

    @property
    def there(self) -> bool:
        """Whether it has not ended."""
        return os.getppid() == self._pid

    def look(self) -> None:
        """Look whether the loop went on."""
        now, stamp = time.monotonic(), self._table.alive
        passed, self._looked = min(now - self._looked, 2 * TICK_S), now
        # Before its first stamp it starts, which may take as long as the import of its handlers does.
        self.silence = 0.0 if not stamp or stamp != self._stamp else self.silence + passed
        self._stamp = stamp

    @property
    def state(self) -> str:
        """How the system marks it, in a letter; '' where that cannot be known."""
        try:
            with open(f"/proc/{self._pid}/stat", encoding="utf-8", errors="replace") as stat:
                return stat.read().rpartition(")")[2].split()[0]
        except (OSError, IndexError):
            return ""


class Keeper:
    """Prolongs what stands in the table, beat after beat."""

    def __init__(self, brief: Brief, table: LeaseTable) -> None:
        self._brief, self._table = brief, table
        self._parent = Parent(brief, table)
        self._client: RedisClient | None = None

    async def run(self) -> None:
        """Keep leases until the role's process has ended."""
        due = time.monotonic()
        while self._parent.there:
            self._parent.look()
            if time.monotonic() >= due:
                well = await self._round()
                due = time.monotonic() + (self._brief.beat_s if well else min(self._brief.beat_s, TICK_S))
            if self._parent.silence >= self._brief.patience_s + MERCY_S and self._parent.state not in ("", *STOPPED):
                self._end_parent()
            await asyncio.sleep(min(self._brief.beat_s, TICK_S))

    async def _round(self) -> bool:
        began, silence = time.monotonic(), self._parent.silence
        if silence >= self._brief.patience_s or self._parent.state in tuple(STOPPED):
            return True
        try:
            async with asyncio.timeout(max(self._brief.lease_s / 3, TICK_S)):
                if self._client is None:
                    self._client = await connect(self._brief.url)
                await self._extend(self._client)
                self._table.kept = began
                if silence >= self._brief.stalled_s:
                    told = self._brief.process, int(silence * 1000)
                    await self._call(self._client, "stall", self._brief.fleet, *told)
        except AWAY:
            await self._hang_up()
            return False
        return True

    async def _extend(self, client: RedisClient) -> None:
        groups: defaultdict[tuple[str, str], list[tuple[int, str, list[Any]]]] = defaultdict(list)
        for place, text in self._table.held():
            with suppress(ValueError):  # It is being written just now.
                stage, shard, task, generation, agent = text.split(SEPARATOR)
                groups[stage, self._brief.shards[int(shard)]].append((place, text, [task, int(generation), agent]))
        calls = [self._extend_some(client, *where, some) for where, rows in groups.items() for some in _pieces(rows)]
        for reply in await asyncio.gather(*calls, return_exceptions=True):
            if isinstance(reply, BaseException):
                raise reply

    async def _extend_some(
        self, client: RedisClient, stage: str, tag: str, some: Sequence[tuple[int, str, list[Any]]]
    ) -> None:
        rows = json.dumps([row for _, _, row in some])
        for number in await self._call(client, "extend", tag, stage, int(self._brief.lease_s * 1000), rows):
            place, text, _ = some[number - 1]
            self._table.lose(place, text)

    async def _call(self, client: Any, name: str, tag: str, *args: str | int) -> Any:
        text = self._brief.scripts[name]
        try:
            return await client.evalsha(_hash(text), *declared(tag), *args)
        except NoScriptError:
            return await client.eval(text, *declared(tag), *args)

    async def _hang_up(self) -> None:
        """Begin anew with the next round: after a failover the server may be another one. A cluster's client finds that out."""
        if isinstance(self._client, ListeningCluster):
            return
        client, self._client = self._client, None
        if client is not None:
            with suppress(*AWAY):
                await client.aclose()

    def _end_parent(self) -> None:
        """End a process whose interpreter is held, so that not even its watchdog can."""
        silence = f"the event loop has stood still for {self._parent.silence:.0f} s"
        message = f"{silence}, the interpreter with it (a call in C?); this process is ended, others take its work over"
        fields = json.dumps({"event": "agent.failed", "role": "keeper", "error": message})
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        with suppress(OSError):
            os.write(2, f"[MCP-LOG] {now} ERROR {self._brief.process} {message} {fields}\n".encode())
        if self._parent.there:
            os.kill(self._brief.parent, signal.SIGKILL)


def _hash(text: str) -> str:
    return sha1(text.encode(), usedforsecurity=False).hexdigest()


def _pieces(rows: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (rows[at : at + LEASES_AT_ONCE] for at in range(0, len(rows), LEASES_AT_ONCE))


async def keep(brief: Brief) -> None:
    """Keep leases until stdin ends, or the role's process is gone."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), ended.set)
    keeping = asyncio.create_task(Keeper(brief, LeaseTable(brief.memory)).run())
    waiting = asyncio.create_task(ended.wait())
    await asyncio.wait([keeping, waiting], return_when=asyncio.FIRST_COMPLETED)


def main() -> None:
    """Read the brief and keep."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # It ends with the role's process, which drains first.
    asyncio.run(keep(Brief(**json.loads(sys.stdin.buffer.readline()))))


if __name__ == "__main__":
    try:
        main()
    except (BrokenPipeError, ValueError):
        sys.exit(EXIT_FAILED)  # Nobody told it anything.
