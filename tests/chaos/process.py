"""The processes of a swarm, all in this one loop, each behind a gate and with connections of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from chimera_cli.agents.approval import Approvals
from chimera_cli.agents.crew import CrewAgent
from chimera_cli.agents.judge import JudgeAgent, JudgeTools
from chimera_cli.agents.pool import Pool, PoolOptions, PoolTools
from chimera_cli.agents.signals import Signals
from chimera_cli.agents.worker import WorkerAgent, WorkerTools
from chimera_cli.bootstrap import assemble
from chimera_cli.config import Settings
from chimera_cli.exceptions import AlreadyDecided, BackendUnavailable
from chimera_cli.models.policy import LeasePolicy, RetryPolicy
from chimera_cli.models.review import Decision
from chimera_cli.models.task import TaskSpec
from chimera_cli.models.telemetry import TelemetryEvent
from chimera_cli.records import voucher
from chimera_cli.services.policy_file import load_policy
from chimera_cli.services.safety import SafetyService
from chimera_cli.services.scoring import ScoringService
from chimera_cli.services.swarm import Swarm
from tests.builders import APPROVAL_KEY
from tests.chaos import kinds
from tests.chaos.gate import CURRENT, PACE, Gate, GateClock, Side
from tests.chaos.wires import gated_postgres, gated_redis
from tests.fake_llm import FunctionLLM

LEASE = timedelta(seconds=0.3)
BEAT = LEASE / 3 / PACE
RETRY = RetryPolicy(base=timedelta(milliseconds=20), longest=timedelta(milliseconds=100))
HANDS = 2
OPERATOR_LOOKS = timedelta(seconds=0.4)
"""Time between two looks at the review cards, by the clock of the process."""
MOST_ABANDONED = 50
"""No task of a round is poison, however often its agents are made to vanish."""
RUBRIC, SAFETY = kinds.RUBRIC, SafetyService(load_policy())
"""Made once, for making the word lists takes 20 ms."""


class Ears(list[TelemetryEvent]):
    """Telemetry that is kept."""

    def emit(self, event: TelemetryEvent) -> None:
        """Keep it."""
        self.append(event)


class GateLLM(FunctionLLM):
    """The judge's model, asked through the gate."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(kinds.full_marks)
        self._gate = gate

    async def ask(self, *args: Any, **kwargs: Any) -> Any:
        """Ask."""
        await self._gate.at("model", Side.BEFORE)
        answer = await super().ask(*args, **kwargs)
        await self._gate.at("model", Side.AFTER)
        return answer


@dataclass(frozen=True)
class Place:
    """Where a swarm lives."""

    redis_url: str
    database_url: str
    namespace: str
    open_redis: Callable[[str, Gate], Any] = gated_redis
    """How a process opens Redis."""
    alter: Callable[[Swarm, "Place", Any, AsyncEngine], Swarm] = lambda swarm, _place, _client, _engine: swarm
    """What is changed of an opened swarm: nothing, unless a safeguard is to be taken out."""

    @property
    def settings(self) -> Settings:
        """Its settings."""
        return Settings(
            _env_file=None,
            DATABASE_URL=SecretStr(self.database_url),
            REDIS_URL=SecretStr(self.redis_url),
            namespace=self.namespace,
            approval_key=SecretStr(APPROVAL_KEY),
            lease_s=LEASE.total_seconds(),
            beat_s=LEASE.total_seconds() / 3,
            abandon_cap=MOST_ABANDONED,
        )


@dataclass(frozen=True)
class Work:
    """What a round has to do."""

    goals: tuple[tuple[TaskSpec, ...], ...]
    """The tasks of each goal."""
    refused: frozenset[str] = frozenset()
    """Keys of the tasks whose results a person rejects."""


@dataclass(eq=False)
class Process:
    """One process from its start to its end."""

    role: str
    place: Place
    gate: Gate
    work: Work
    signals: Signals = field(default_factory=Signals)
    ears: Ears = field(default_factory=Ears)
    main: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; everything that follows runs under the process's gate."""
        context = copy_context()
        context.run(CURRENT.set, self.gate)
        self.main = context.run(asyncio.create_task, self._live())

    def stop(self) -> None:
        """Ask it to end in good order."""
        if not self.signals.stop.is_set():
            self.signals.receive(15)

    async def _live(self) -> None:
        engine = gated_postgres(self.place.database_url, self.gate)
        client = self.place.open_redis(self.place.redis_url, self.gate)
        try:
            swarm = assemble(self.place.settings, self.ears, client, engine)
            swarm = self.place.alter(swarm, self.place, client, engine)
            await ROLES[self.role](self, replace(swarm, clock=GateClock(self.gate)))
        finally:
            await client.aclose()
            await engine.dispose()


async def work(process: Process, swarm: Swarm) -> None:
    """Be a worker process."""
    tools = WorkerTools(
        queue=swarm.queue,
        state=swarm.state,
        llm=GateLLM(process.gate),
        outbox=swarm.outbox,
        handlers=kinds.registry(),
        approvals=Approvals(voucher(process.place.settings)),
        telemetry=process.ears,
        clock=swarm.clock,
        chance=lambda: 0.5,
        retry=RETRY,
    )
    await pool([WorkerAgent(tools) for _ in range(HANDS)], process, swarm)


async def judge(process: Process, swarm: Swarm) -> None:
    """Be a judge process."""
    llm = GateLLM(process.gate)
    tools = JudgeTools(
        queue=swarm.queue,
        scoring=ScoringService(llm, RUBRIC, timeout=timedelta(seconds=5)),
        safety=SAFETY,
        voucher=voucher(process.place.settings),
        telemetry=process.ears,
        clock=swarm.clock,
        chance=lambda: 0.5,
        retry=RETRY,
        abandon_cap=MOST_ABANDONED,
    )
    await pool([JudgeAgent(tools) for _ in range(HANDS)], process, swarm)


async def pool(agents: list[CrewAgent], process: Process, swarm: Swarm) -> None:
    """Run a crew until it is asked to end."""
    tools = PoolTools(
        queue=swarm.queue,
        registry=swarm.registry,
        housekeeper=swarm.orchestrator,
        undispatched=swarm.record.undispatched,
        telemetry=process.ears,
        clock=swarm.clock,
        chance=lambda: 0.5,
    )
    policy = LeasePolicy(lease=LEASE, beat=BEAT, abandon_cap=MOST_ABANDONED)
    options = PoolOptions(process=process.gate.name, lease=policy, drain=timedelta(seconds=60))
    await Pool(agents, tools, options=options, signals=process.signals).run()


async def submit(process: Process, swarm: Swarm) -> None:
    """Be whoever submits the goals: again and again until each is accepted, and each with a key of its own."""
    for number, tasks in enumerate(process.work.goals):
        key = f"{process.place.namespace}-{number}"
        while True:
            try:
                await swarm.submit("Say a quiet word", tasks, idempotency_key=key)
                break
            except BackendUnavailable:
                continue


async def decide(process: Process, swarm: Swarm) -> None:
    """Be the person who decides the review cards."""
    while not process.signals.stop.is_set():
        try:
            for card in await swarm.reviews.cards(limit=0):
                refused = card.title.removeprefix("do ") in process.work.refused
                decision = Decision.REJECT if refused else Decision.APPROVE
                await swarm.decide(card.id, decision, "ada", "it is wrong" if refused else "")
        except (AlreadyDecided, BackendUnavailable):
            continue
        await swarm.clock.sleep(OPERATOR_LOOKS)


ROLES: dict[str, Callable[[Process, Swarm], Awaitable[None]]] = {
    "submit": submit,
    "work": work,
    "judge": judge,
    "decide": decide,
}
"""What a process may be."""
