"""What agents are tested with: a queue that writes down its answers, a clock that a test moves, and deliveries."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from chimera_cli.models.agent import ProcessBeat
from chimera_cli.models.delivery import Delivery, Lease, Malformed, Setback, Stage
from chimera_cli.models.queue_counts import QueueCounts
from chimera_cli.models.release import Seal
from chimera_cli.models.result import VersionedValue
from chimera_cli.models.returned import Returned
from chimera_cli.models.telemetry import TelemetryEvent
from tests.builders import a_delivery

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


class Ears(list[TelemetryEvent]):
    """Telemetry that is kept."""

    on_emit: Callable[[], object] = staticmethod(lambda: None)
    """Called when something was said."""

    def emit(self, event: TelemetryEvent) -> None:
        self.append(event)
        self.on_emit()

    def names(self) -> list[str]:
        return [event.name for event in self]

    def one(self, name: str) -> TelemetryEvent:
        found = [event for event in self if event.name == name]
        assert len(found) == 1, f"{name} was said {len(found)} times, among {self.names()}"
        return found[0]


class HastyClock:
    """Sleeps no time at all, and remembers how long it should have slept."""

    def __init__(self) -> None:
        self.slept: list[timedelta] = []

    def now(self) -> datetime:
        return NOON

    async def sleep(self, delay: timedelta) -> None:
        self.slept.append(delay)
        await asyncio.sleep(0)


class HandClock:
    """Time stands still until a test moves it."""

    def __init__(self) -> None:
        self.time = NOON
        self._alarms: list[tuple[datetime, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self.time

    async def sleep(self, delay: timedelta) -> None:
        alarm = asyncio.get_running_loop().create_future()
        self._alarms.append((self.time + delay, alarm))
        await alarm

    async def pass_by(self, seconds: float) -> None:
        """Move time on, and let everything run that this wakes."""
        await quiet()
        goal = self.time + timedelta(seconds=seconds)
        while due := [alarm for alarm in self._alarms if alarm[0] <= goal]:
            first = min(due, key=lambda alarm: alarm[0])
            self._alarms.remove(first)
            self.time = max(self.time, first[0])
            if not first[1].done():
                first[1].set_result(None)
            await quiet()
        self.time = goal
        await quiet()


async def quiet() -> None:
    """Let everything run that can run without time passing."""
    for _ in range(50):
        await asyncio.sleep(0)


def _claimed(task: Delivery | Malformed, agent: str) -> Delivery | Malformed:
    return task.model_copy(update={"lease": task.lease.model_copy(update={"agent": agent})})


class FakeQueue:
    """Hands out what a test put in, and writes down every answer. `errors[method]` are raised first, one a call."""

    def __init__(self) -> None:
        self.stock: list[Delivery | Malformed] = []
        self.suspects: list[Delivery | Malformed] = []
        self.rest = False
        """Whether a process that asks is to come to rest for a suspect."""
        self.answers: list[tuple[Any, ...]] = []
        self.claims: list[tuple[int, int]] = []
        """For each claim how many agents asked and how many got something."""
        self.kinds: list[Sequence[str]] = []
        self.executes: list[bool] = []
        """For each claim whether execute phases were among what it asked for."""
        self.seals: list[Seal | None] = []
        """What vouches for each approval."""
        self.causes: list[Setback] = []
        """What failed, of each retry."""
        self.returned: list[Returned] = []
        """Why, of each that was given back."""
        self.waits = 0
        self.extended: list[list[Lease]] = []
        self.lost: list[Lease] = []
        self.errors: dict[str, list[BaseException]] = {}
        self.bell = asyncio.Event()
        self.busy = QueueCounts()
        """What counts() adds to the stock, for others' work."""
        self.on_claim: Callable[[], None] = lambda: None

    def put(self, *deliveries: Delivery | Malformed) -> None:
        self.stock.extend(deliveries)
        self.bell.set()

    def told(self, name: str) -> list[tuple[Any, ...]]:
        return [answer for answer in self.answers if answer[0] == name]

    def _trip(self, name: str) -> None:
        if self.errors.get(name):
            raise self.errors[name].pop(0)

    def _note(self, name: str, *said: Any) -> None:
        self._trip(name)
        self.answers.append((name, *said))

    async def pop_tasks(
        self,
        stage: Stage,
        agents: Sequence[str],
        *,
        kinds: Sequence[str] = (),
        executes: bool = True,
        idle: bool = False,
        patience: timedelta = timedelta(0),
    ) -> list[Delivery | Malformed]:
        if patience:
            self.waits += 1
            await self.bell.wait()
            self.bell.clear()
            await asyncio.sleep(0)  # Others go on while the claim travels.
            await asyncio.sleep(0)
        self._trip("pop_tasks")
        if idle and (suspect := await self.pop_suspect(stage, agents[0])):
            return [suspect]
        self.kinds.append(kinds)
        self.executes.append(executes)
        taken, self.stock = self.stock[: len(agents)], self.stock[len(agents) :]
        self.claims.append((len(agents), len(taken)))
        self.on_claim()
        return [_claimed(task, agent) for task, agent in zip(taken, agents, strict=False)]

    async def pop_suspect(
        self, stage: Stage, agent: str, *, kinds: Sequence[str] = (), executes: bool = True
    ) -> Delivery | Malformed | None:
        self._trip("pop_suspect")
        if not self.suspects:
            return None
        return _claimed(self.suspects.pop(0), agent).model_copy(update={"alone": True})

    async def must_rest(self, stage: Stage, process: str, *, kinds: Sequence[str] = (), executes: bool = True) -> bool:
        self._trip("must_rest")
        return self.rest and bool(self.suspects)

    async def rouse(self) -> None:
        self.bell.set()

    async def extend(self, leases: Sequence[Lease]) -> list[Lease]:
        self._trip("extend")
        self.extended.append(list(leases))
        return [lease for lease in leases if lease in self.lost]

    async def counts(self) -> QueueCounts:
        self._trip("counts")
        return self.busy.model_copy(update={"waiting": self.busy.waiting + len(self.stock)})

    async def complete(self, lease: Lease, result: Any, *, digest: str = "") -> None:
        self._note("complete", lease, result, digest)

    async def hand_over(self, lease: Lease, result: Any) -> None:
        self._note("hand_over", lease, result)

    async def retry(
        self, lease: Lease, delay: timedelta, error: str, *, costs_attempt: bool = True, cause: Setback = Setback.WORK
    ) -> None:
        self._note("retry", lease, delay, error, costs_attempt)
        self.causes.append(cause)

    async def park(self, lease: Lease, delay: timedelta) -> None:
        self._note("park", lease, delay)

    async def fail(self, lease: Lease, error: str) -> None:
        self._note("fail", lease, error)

    async def give_back(self, lease: Lease, why: Returned = Returned.UNBEGUN) -> None:
        self._note("give_back", lease)
        self.returned.append(why)

    async def rerun(self, lease: Lease, error: str, *, delay: timedelta = timedelta(0)) -> None:
        self._note("rerun", lease, error, delay)

    async def judge_again(self, lease: Lease, why: str, *, review_always: bool) -> None:
        self._note("judge_again", lease, why, review_always)

    async def approve(self, lease: Lease, judgement: Any, seal: Seal | None = None) -> None:
        self.seals.append(seal)
        self._note("approve", lease, judgement)

    async def hold(self, lease: Lease, judgement: Any) -> None:
        self._note("hold", lease, judgement)

    async def revise(self, lease: Lease, judgement: Any) -> None:
        self._note("revise", lease, judgement)


class FakeRegistry:
    """Keeps the beats."""

    def __init__(self) -> None:
        self.beats: list[ProcessBeat] = []
        self.left: list[str] = []
        self.errors: list[BaseException] = []

    async def beat(self, beat: ProcessBeat) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.beats.append(beat)

    async def leave(self, process: str) -> None:
        self.left.append(process)


class FakeState:
    """Versioned values in a mapping."""

    def __init__(self, **values: VersionedValue) -> None:
        self.values = values

    async def read(self, goal_id: str, key: str) -> VersionedValue:
        return self.values.get(key, VersionedValue())


def lease(task_id: str = "t1", *, stage: Stage = Stage.WORK, agent: str = "a1") -> Lease:
    return Lease(task_id=task_id, goal_id="g1", generation=1, agent=agent, stage=stage)


def delivery(task_id: str = "t1", *, stage: Stage = Stage.WORK, **fields: Any) -> Delivery:
    """A first attempt of an ordinary task."""
    given = {"lease": lease(task_id, stage=stage), "key": f"key-{task_id}", "kind": "noop"}
    return a_delivery(**{**given, **fields})
