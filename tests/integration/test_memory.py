"""The memory of every role is flat over time: what one delivery, one look or one round leaves behind would show here."""

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from io import StringIO
from itertools import count
from random import random
from typing import Any
from uuid import uuid4

import pytest
from rich.console import Console

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import open_redis
from chimera_cli.adapters.redis_events import RedisEventStream
from chimera_cli.adapters.redis_queue import RedisTaskQueue
from chimera_cli.adapters.redis_registry import RedisAgentRegistry
from chimera_cli.adapters.redis_state import RedisGlobalState
from chimera_cli.adapters.system_clock import SystemClock
from chimera_cli.agents.approval import Approvals
from chimera_cli.agents.crew import CrewAgent
from chimera_cli.agents.judge import JudgeAgent, JudgeTools
from chimera_cli.agents.planner import PlannerAgent
from chimera_cli.agents.pool import Pool, PoolOptions, PoolTools
from chimera_cli.agents.pulse import PulseTools
from chimera_cli.agents.signals import Signals
from chimera_cli.agents.watch import Watch
from chimera_cli.agents.worker import WorkerAgent, WorkerTools
from chimera_cli.handlers.context import TaskContext
from chimera_cli.handlers.registry import HandlerRegistry, handler
from chimera_cli.models.policy import LeasePolicy
from chimera_cli.models.result import TaskOutcome, Usage
from chimera_cli.models.snapshot import Snapshot
from chimera_cli.models.telemetry import TelemetryEvent
from chimera_cli.ports.llm import Answer
from chimera_cli.services.policy_file import load_policy
from chimera_cli.services.rubric_file import load_rubric
from chimera_cli.services.safety import SafetyService
from chimera_cli.services.scoring import ScoringService
from chimera_cli.views.live import watch_board, watch_lines
from tests.builders import VOUCHER, a_dispatch, a_goal
from tests.unit.agents.test_judge import scored
from tests.unit.views.test_swarm import a_member, a_snapshot
from tests.vouching import vouch

BATCH = 150
"""Enough for a leak to show: the event loop keeps a hundred timers that were cancelled, and so 50 kB come and go."""
BATCHES = 4
LOOKS = 8
LEAST_LEAK = 200
"""Bytes a delivery, look or round from which on it is a leak: less is what caches and the interpreter do."""
AGENTS = 1000
MOST_IDLE = 10 * 1024
"""Bytes that an idle agent may cost, its part of the process's beat and of our own look at the fleet included."""


class Deaf:
    """Telemetry that nobody keeps."""

    def emit(self, event: TelemetryEvent) -> None:
        return None


class Model:
    """Gives everything the best score."""

    async def ask(self, *_: Any, **__: Any) -> Answer[Any]:
        return Answer(scored(5), Usage(calls=1), "a-model")


@handler("noop")
async def noop(ctx: TaskContext) -> TaskOutcome:
    number = await ctx.state.read(ctx.task.key) or 0
    return TaskOutcome(output={"text": "Seven gentle ways to wake up early."}, changes={ctx.task.key: number + 1})


async def growth_of(batch: Callable[[], Awaitable[None]]) -> int:
    """Return by how many bytes the memory grows over batches, the first two of which warm things up."""
    tracemalloc.start()
    try:
        for _ in range(2):
            await batch()
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(BATCHES):
            await batch()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
        return after - before
    finally:
        tracemalloc.stop()


class Line:
    """A queue on a real Redis, and a housekeeper who forgets what has ended."""

    def __init__(self, client: Any, keys: Keys) -> None:
        self.queue = RedisTaskQueue(client, keys, LeasePolicy())
        self.state = RedisGlobalState(client, keys)
        self.registry = RedisAgentRegistry(client, keys)
        self.events = RedisEventStream(client, keys)
        self.goals = count()
        self.turn = asyncio.Lock()
        self.ended = 0

    async def tick(self, *, wait: bool = True) -> bool:
        async with self.turn:
            happened, last = await self.events.read(0)
            over = [(event.goal_id, event.task_id) for event in happened if event.status.terminal]
            await self.queue.forget(over, [])
            self.ended += len(over)
            if last:
                await self.events.trim(0, last, recorded=last)
            return bool(happened)

    async def none_undispatched(self) -> int:
        return 0

    async def batch(self) -> None:
        goal, wanted = f"{next(self.goals):020x}", self.ended + BATCH
        await self.queue.push_tasks([a_dispatch(f"t{n}", goal=goal) for n in range(BATCH)])
        async with asyncio.timeout(60):
            while self.ended < wanted:
                await self.tick()
            # Nothing is in anybody's hands when the memory is measured.
            while await self.tick():
                pass
        # Not before: what waits of a goal that is unknown is not claimed.
        await self.queue.forget([], [goal])

    @asynccontextmanager
    async def staffed(self, *crews: list[CrewAgent]) -> AsyncIterator[None]:
        signals = Signals()
        tools = PoolTools(
            queue=self.queue,
            registry=self.registry,
            housekeeper=self,
            undispatched=self.none_undispatched,
            telemetry=Deaf(),
            clock=SystemClock(),
            chance=random,
        )
        beats = LeasePolicy(lease=timedelta(seconds=15), beat=timedelta(seconds=0.05))
        pools = [
            Pool(
                crew,
                tools,
                options=PoolOptions(process=f"p{n}", lease=beats, drain=timedelta(seconds=5)),
                signals=signals,
            )
            for n, crew in enumerate(crews)
        ]
        running = [asyncio.create_task(pool.run()) for pool in pools]
        try:
            yield
        finally:
            signals.receive(15)
            await asyncio.gather(*running)


def worker_tools(line: Line) -> WorkerTools:
    return WorkerTools(
        queue=line.queue,
        state=line.state,
        llm=Model(),
        outbox=object(),
        handlers=HandlerRegistry([noop]),
        approvals=Approvals(VOUCHER),
        telemetry=Deaf(),
        clock=SystemClock(),
        chance=random,
    )


async def test_workers_and_judges_keep_nothing_of_what_they_did(redis_url: str) -> None:
    keys = Keys(uuid4().hex)
    async with open_redis(redis_url) as client:
        await vouch(client, keys)
        line = Line(client, keys)
        worker = worker_tools(line)
        judge = JudgeTools(
            queue=line.queue,
            scoring=ScoringService(Model(), load_rubric()),
            safety=SafetyService(load_policy()),
            telemetry=Deaf(),
            clock=SystemClock(),
            chance=random,
        )
        crews = [WorkerAgent(worker) for _ in range(10)], [JudgeAgent(judge) for _ in range(5)]
        async with line.staffed(*crews):
            assert await growth_of(line.batch) < BATCH * BATCHES * LEAST_LEAK


async def test_an_idle_agent_costs_a_process_next_to_nothing(redis_url: str) -> None:
    keys = Keys(uuid4().hex)
    async with open_redis(redis_url) as client:
        await vouch(client, keys)
        line = Line(client, keys)
        tools = worker_tools(line)

        async def beat_once(count: int) -> None:
            async with line.staffed([WorkerAgent(tools) for _ in range(count)]), asyncio.timeout(60):
                while len(await line.registry.fleet()) < count:
                    pass

        await beat_once(1)
        tracemalloc.start()
        try:
            await beat_once(AGENTS)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert most < AGENTS * MOST_IDLE


async def test_a_watching_planner_keeps_nothing_of_its_rounds() -> None:
    rounds, done, signals = count(1), asyncio.Event(), Signals()

    class Record:
        async def goals(self, **_: Any) -> list[Any]:
            return [a_goal()]

        async def tasks(self, **_: Any) -> list[Any]:
            return []

        async def replan(self, *_: Any) -> bool:
            if next(rounds) % BATCH == 0:
                done.set()
            return False

        async def beat(self, beat: Any) -> None:
            return None

        async def leave(self, process: str) -> None:
            return None

        async def tick(self, *, wait: bool = True) -> bool:
            return False

        async def redraft(self, *_: Any) -> tuple[Any, ...]:
            return ()

    class Clock(SystemClock):
        async def sleep(self, delay: timedelta) -> None:
            await asyncio.sleep(0)

    async def batch() -> None:
        done.clear()
        await done.wait()

    record: Any = Record()
    planner = PlannerAgent(record, Deaf())
    tools: Any = {"registry": record, "housekeeper": record, "telemetry": Deaf(), "clock": Clock(), "chance": random}
    watch = Watch(
        planner,
        lambda: planner.replan_once(record, record),
        PulseTools(**tools),
        process="p",
        beat=timedelta(seconds=1),
    )
    running = asyncio.create_task(watch.run(signals))
    async with asyncio.timeout(60):
        assert await growth_of(batch) < BATCH * BATCHES * LEAST_LEAK
    signals.receive(15)
    await running


@pytest.mark.parametrize("face", ["board", "lines", "json"])
async def test_a_watched_status_keeps_nothing_of_its_looks(face: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looks, done = count(1), asyncio.Event()

    async def take() -> Snapshot:
        number = next(looks)
        if number % LOOKS == 0:
            done.set()
        return a_snapshot(*(a_member(n, beat_age=timedelta(seconds=number % 7)) for n in range(5)))

    async def sleep(period: timedelta) -> None:
        screen.truncate(0)
        await asyncio.sleep(0)

    async def batch() -> None:
        done.clear()
        await done.wait()

    screen = StringIO()
    monkeypatch.setattr("sys.stdout", screen)
    console = Console(file=screen, width=100, height=40, force_terminal=True)
    watching = (
        watch_board(console, take, sleep) if face == "board" else watch_lines(take, sleep, as_json=face == "json")
    )
    running = asyncio.create_task(watching)
    try:
        async with asyncio.timeout(60):
            assert await growth_of(batch) < LOOKS * BATCHES * 1000, "a snapshot is several kilobytes"
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
