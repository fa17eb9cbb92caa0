"""One round: some goals, some processes, some faults; then everything must have ended, once, and nothing may be left."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field

import psycopg
from redis.asyncio import Redis

from chimera_cli.adapters.postgres_engine import open_engine
from chimera_cli.bootstrap import assemble
from chimera_cli.simulation.history.checker import check_history
from chimera_cli.simulation.history.history import Timing
from chimera_cli.simulation.history.reading import read_history
from tests.chaos.gate import Fault, Gate, Kind, Point, Progress
from tests.chaos.process import LEASE, RETRY, Ears, Place, Process, Work

ROLES = ("submit", "work", "judge", "decide")
LOOK_S = 0.01
STALL_S = 3 * LEASE.total_seconds()
"""Longest stall: three leases. It ends earlier when all the work has ended without the stalled process."""
PATIENCE_S = 60.0
LEFT_ALONE = tuple(
    ":bell :out :beats :fleet :identity :shards :run :epoch :turn :recorded :clock :grace :parked :warden".split()
)
"""Ends of the names of keys that outlive work; each is one key of bounded size, an empty one in the case of `out`."""


@dataclass(frozen=True)
class Ended:
    """What became of a round."""

    seconds: float
    tasks: int
    hits: tuple[tuple[str, Kind, Point], ...]
    """The faults that happened, with the role of whom they hit."""
    violations: tuple[str, ...]
    passed: dict[str, list[Point]] = field(default_factory=dict)
    """The points that the first process of each role passed."""
    said: tuple[str, ...] = ()
    """What the processes reported as errors."""


@dataclass(eq=False)
class Round:
    """A round under way."""

    place: Place
    work: Work
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    """By role: the fault of the first process, of the one that takes its place, and so on."""
    processes: list[Process] = field(default_factory=list)
    patience_s: float = PATIENCE_S
    """Longest wait for its end."""
    stalled_for: int | None = None
    """Status changes by others during which a stalled process stands still, where it is not a time."""
    progress: Progress = field(default_factory=Progress)
    wakes: dict[Process, float] = field(default_factory=dict)
    """Stalled processes, and when they go on at the latest."""
    buried: list[asyncio.Task[None]] = field(default_factory=list)

    async def play(self) -> Ended:
        """Play it to the end and look at what it left."""
        began = time.monotonic()
        self._home = copy_context()
        for role in ROLES:
            self._start(role)
        problems: list[str] = []
        async with Redis.from_url(self.place.redis_url, decode_responses=True) as redis:
            async with await psycopg.AsyncConnection.connect(self.place.database_url, autocommit=True) as record:
                try:
                    await self._until_over(record, redis)
                    await self._wind_up()
                    problems += await self._problems(record, redis)
                except TimeoutError:
                    problems += [f"not over within {self.patience_s:g} s", *await self._standing(record, redis)]
                finally:
                    await self._end()
                    await self._clear(redis)
        faults = [(process.role, process.gate.fault) for process in self.processes]
        return Ended(
            seconds=time.monotonic() - began,
            tasks=sum(map(len, self.work.goals)),
            hits=tuple((role, fault.kind, fault.hit) for role, fault in faults if fault and fault.hit),
            violations=tuple(problems),
            passed={role: self._first(role).gate.passed for role in ROLES},
            said=tuple(
                str(event.fields.get("trace") or event)
                for p in self.processes
                for event in p.ears
                if event.name == "agent.failed"
            ),
        )

    def _first(self, role: str) -> Process:
        return next(process for process in self.processes if process.role == role)

    def _start(self, role: str) -> None:
        number = sum(process.role == role for process in self.processes)
        faults = self.faults.get(role, [])
        gate = Gate(f"{role}-{number}", self.progress, faults[number] if number < len(faults) else None)
        process = Process(role, self.place, gate, self.work)
        gate.struck = lambda kind: self._struck(process, kind)
        self.processes.append(process)
        self._home.run(process.start)

    def _struck(self, process: Process, kind: Kind) -> None:
        """Put another in the place of a process that is gone, or seems to be."""
        if kind is Kind.CRASH:
            self.buried.append(self._home.run(asyncio.create_task, process.gate.bury()))
        if kind is Kind.STALL:
            longest = STALL_S if self.stalled_for is None else self.patience_s
            self.wakes[process] = time.monotonic() + longest
        if kind is not Kind.CUT:
            self._start(process.role)

    async def _until_over(self, record: psycopg.AsyncConnection, redis: Redis) -> None:
        async with asyncio.timeout(self.patience_s):
            while not await self._over(record, redis):
                self._wake(time.monotonic())
                await asyncio.sleep(LOOK_S)

    def _wake(self, now: float) -> None:
        for process, at in list(self.wakes.items()):
            if now >= at or self._seen_enough(process):
                del self.wakes[process]
                process.gate.moving.set()

    def _seen_enough(self, process: Process) -> bool:
        hit = process.gate.fault and process.gate.fault.hit
        return self.stalled_for is not None and bool(hit) and self.progress.stage >= hit.stage + self.stalled_for

    async def _over(self, record: psycopg.AsyncConnection, redis: Redis) -> bool:
        asked = "SELECT count(*) FILTER (WHERE status IN ('COMPLETED', 'FAILED', 'CANCELLED')) FROM goals"
        [(ended,)] = await (await record.execute(asked)).fetchall()
        return ended == len(self.work.goals) and not await self._left(redis)

    async def _left(self, redis: Redis) -> list[str]:
        keys = [key async for key in redis.scan_iter(match=f"{{chimera:{self.place.namespace}*", count=1000)]
        left = [key for key in keys if not key.endswith(LEFT_ALONE)]
        return left + [key for key in keys if key.endswith(":out") and await redis.xlen(key)]

    async def _wind_up(self) -> None:
        """Let the zombies go on, then ask all to end in good order; also those that take the place of one that dies now."""
        self._wake(math.inf)
        async with asyncio.timeout(self.patience_s):
            while running := [process.main for process in self.processes if process.main and not process.main.done()]:
                for process in self.processes:
                    process.stop()
                self._wake(time.monotonic())
                await asyncio.wait(running, timeout=LOOK_S)

    async def _problems(self, record: psycopg.AsyncConnection, redis: Redis) -> list[str]:
        await self._tidy()
        crashes = [
            f"{process.gate.name} ended with {process.main.exception()!r}"
            for process in self.processes
            if process.main and not process.main.cancelled() and process.main.exception()
        ]
        return [*crashes, *await check(self.work, record), *await asyncio.to_thread(self._history)]

    def _history(self) -> list[str]:
        """Have the history checker look at both stores."""
        place = self.place
        left = read_history(place.database_url, place.redis_url, namespace=place.namespace, shards=1)
        timing = Timing(retry_base=RETRY.base, retry_longest=RETRY.longest)
        return [str(violation) for violation in check_history(left, timing=timing)]

    async def _tidy(self) -> None:
        """Do what housekeeping would do next, for the last word may have come from a zombie."""
        settings = self.place.settings
        engine, client = (
            open_engine(self.place.database_url),
            Redis.from_url(self.place.redis_url, decode_responses=True, protocol=2),
        )
        try:
            swarm = assemble(settings, Ears(), client, engine)
            while await swarm.orchestrator.tick():
                pass
        finally:
            await client.aclose()
            await engine.dispose()

    async def _standing(self, record: psycopg.AsyncConnection, redis: Redis) -> list[str]:
        rows = await (await record.execute("SELECT key, status, error FROM tasks ORDER BY position")).fetchall()
        live = [f"task {key} is {status} {error}" for key, status, error in rows if status not in ENDS]
        return live + [f"key {key} is left" for key in await self._left(redis)]

    async def _end(self) -> None:
        for process in self.processes:
            process.gate.moving.set()
            if process.main and not process.main.done():
                process.gate.dead = True
                self.buried.append(asyncio.create_task(process.gate.bury()))
        await asyncio.gather(*self.buried, return_exceptions=True)
        for process in self.processes:
            if process.main:
                with suppress(asyncio.CancelledError):
                    await process.main

    async def _clear(self, redis: Redis) -> None:
        keys = [key async for key in redis.scan_iter(match=f"{{chimera:{self.place.namespace}*", count=1000)]
        if keys:
            await redis.delete(*keys)


ENDS = ("COMPLETED", "REJECTED", "FAILED", "CANCELLED")


async def check(work: Work, record: psycopg.AsyncConnection) -> list[str]:
    """Compare what is recorded with what was asked for."""
    tasks = await (await record.execute("SELECT key, kind, status FROM tasks")).fetchall()
    wanted = sum(map(len, work.goals))
    found = [] if len(tasks) == wanted else [f"{len(tasks)} tasks are stored, {wanted} were submitted"]
    right = dict(expected(work))
    found += [f"task {key} is {status}, not {right[key]}" for key, _, status in tasks if status != right[key]]
    return found + await effects(tasks, record)


def expected(work: Work) -> Iterable[tuple[str, str]]:
    """Tell how each task must end; keys are unique in a round, and a task comes after what it depends on."""
    bad: set[str] = set()
    for task in (task for tasks in work.goals for task in tasks):
        if bad.intersection(task.depends_on):
            bad.add(task.key)
            yield task.key, "CANCELLED"
        elif task.key in work.refused:
            bad.add(task.key)
            yield task.key, "REJECTED"
        else:
            yield task.key, "COMPLETED"


async def effects(tasks: Sequence[tuple], record: psycopg.AsyncConnection) -> list[str]:
    """Find effects that are missing or doubled."""
    done = Counter(kind for _, kind, status in tasks if status == "COMPLETED")
    posts = await (await record.execute("SELECT count(*), count(DISTINCT idempotency_key) FROM posts")).fetchall()
    found = [] if posts == [(done["post"],) * 2] else [f"posts {posts} for {done['post']} executions"]
    state = await (await record.execute("SELECT key, sum(version) FROM state GROUP BY key")).fetchall()
    commits = await (
        await record.execute(
            "SELECT c->>'key', count(*) FROM events, json_array_elements(changes::json) AS c GROUP BY 1"
        )
    ).fetchall()
    if sorted(state) != sorted((k, n) for k, n in commits):
        found.append(f"state {sorted(state)} is not what was committed: {sorted(commits)}")
    for key, kind in (("tally", "tally"), ("names", "merge")):
        if dict(state).get(key, 0) != done[kind]:
            found.append(f"{key} was committed {dict(state).get(key, 0)} times by {done[kind]} tasks")
    return found
