"""A gate on everything that one process says to its servers and to its model, where it may be crashed, stalled or cut off.

An *await point* is one side of one exchange with a server: BEFORE its bytes are sent, and AFTER the server has done it, while
nobody has seen the reply. Whatever a process awaits between two of these changes nothing that another process could see, so a
crash there is a crash at the next BEFORE. The model is asked over the same gate.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

PACE = 0.15
"""How much faster a process's own timers run than the clock on the wall: housekeeping every 75 ms and not every 500."""

CURRENT: ContextVar["Gate | None"] = ContextVar("gate", default=None)
"""The gate of the process whose code is running."""

CHANGING = frozenset(
    "push claim complete hand_over judge resume retry rerun fail give_back promote reap expire cancel settle".split()
)
"""Scripts that change where a task stands."""


class Side(StrEnum):
    """Where in an exchange."""

    BEFORE = "before"
    """Nothing was sent yet."""
    AFTER = "after"
    """The server has done it; the reply is not seen yet."""


class Kind(StrEnum):
    """What happens at a point."""

    CRASH = "crash"
    """The process is gone, and not one byte of it reaches a server any more."""
    STALL = "stall"
    """The whole process stands still; others take its work over, and later it goes on as if nothing had been."""
    CUT = "cut"
    """This one connection breaks; the process lives and hears an error."""


@dataclass(frozen=True)
class Point:
    """A place where a process waits."""

    label: str
    """What is exchanged: a script, a Redis command, a statement's first words, `commit`, `model`."""
    side: Side
    """Before it or after it."""
    stage: int
    """How far the work had come: status changes made so far, by anybody."""


@dataclass
class Fault:
    """One thing that goes wrong."""

    kind: Kind
    due: Callable[[int, Point], bool]
    """Tells from the number of the point, counted from 1, and from the point itself whether it happens here."""
    hit: Point | None = None
    """Where it happened; None as long as it has not."""


class Crashed(asyncio.CancelledError):
    """This process is dead. A cancellation, so that its tasks end quietly, whatever they would still like to do."""


class Cut(Exception):
    """The connection broke here."""


@dataclass
class Progress:
    """How far the work of a round has come."""

    stage: int = 0
    """Status changes so far."""

    def heard(self, script: str, reply: object) -> None:
        """Count a script's reply if it tells of a change."""
        if script in CHANGING and reply and (not isinstance(reply, list) or reply[0] != "stale"):
            self.stage += 1


@dataclass(eq=False)
class Gate:
    """The gate of one process."""

    name: str
    progress: "Progress"
    """How far the work has come."""
    fault: Fault | None = None
    """At most one a life; whoever takes its place may have its own."""
    struck: Callable[[Kind], None] = lambda _: None
    """Hears that the fault happened."""
    passed: list[Point] = field(default_factory=list)
    dead: bool = False
    tasks: set[asyncio.Task[object]] = field(default_factory=set)
    """Everything that this process runs."""
    sent: set[asyncio.Future[Any]] = field(default_factory=set)
    """Exchanges under way that outlive whoever began them."""
    closers: list[Callable[[], None]] = field(default_factory=list)
    """Closes what the system closes when a process is gone."""
    moving: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.moving.set()

    async def at(self, label: str, side: Side) -> None:
        """Pass a point, or do not.

        Raises:
            Crashed: The process is dead, from here on or already.
            Cut: The connection breaks.
        """
        await self.thaw()
        point = Point(label, side, self.progress.stage)
        self.passed.append(point)
        if self.fault and self.fault.hit is None and self.fault.due(len(self.passed), point):
            self.fault.hit = point
            await self._strike(self.fault.kind)

    def send(self, exchange: Coroutine[Any, Any, Any]) -> asyncio.Future[Any]:
        """Let an exchange go on to its end whatever becomes of the process: what is on the wire is on the wire."""
        before = CURRENT.set(None)
        try:
            task = asyncio.ensure_future(exchange)
        finally:
            CURRENT.reset(before)
        self.sent.add(task)
        task.add_done_callback(self.sent.discard)
        # What went wrong with it is nobody's business once the process is dead.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def bury(self) -> None:
        """Sweep up what is left of a dead process."""
        while self.tasks:
            for task in tuple(self.tasks):
                task.cancel()
            await asyncio.wait(tuple(self.tasks), timeout=2)
        if self.sent:
            await asyncio.wait(tuple(self.sent))
        for close in self.closers:
            close()

    async def thaw(self) -> None:
        """Stand still while the process is stalled."""
        if not self.moving.is_set():
            await self.moving.wait()
        if self.dead:
            raise Crashed

    async def _strike(self, kind: Kind) -> None:
        if kind is Kind.CUT:
            self.struck(kind)
            raise Cut
        if kind is Kind.CRASH:
            self.dead = True
        else:
            self.moving.clear()
        self.struck(kind)
        await self.thaw()


class GateClock:
    """ClockPort of a process behind a gate: its timers are fast, and stand still with it."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def now(self) -> datetime:
        """Return the present."""
        return datetime.now(UTC)

    async def sleep(self, delay: timedelta) -> None:
        """Wait for a part of the time."""
        await asyncio.sleep(delay.total_seconds() * PACE)
        await self._gate.thaw()


def enrol(loop: asyncio.AbstractEventLoop) -> None:
    """Have every task that a process starts, however deep, entered in its gate."""

    def make(loop: asyncio.AbstractEventLoop, coroutine: object, **options: object) -> asyncio.Task[object]:
        task = asyncio.Task(coroutine, loop=loop, **options)  # type: ignore[arg-type]
        gate = CURRENT.get()
        if gate is not None:
            gate.tasks.add(task)
            task.add_done_callback(gate.tasks.discard)
        return task

    loop.set_task_factory(make)
