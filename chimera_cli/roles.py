"""The long-running roles: settings and options become a process full of agents, run until a signal."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from random import random
from uuid import uuid4

from chimera_cli.agents.judge import JudgeAgent, JudgeTools
from chimera_cli.agents.planner import PlannerAgent
from chimera_cli.agents.pool import Pool, PoolOptions, PoolTools
from chimera_cli.agents.signals import listening
from chimera_cli.agents.watch import Watch
from chimera_cli.agents.worker import WorkerAgent, WorkerTools
from chimera_cli.bootstrap import load_registry, open_model, open_swarm
from chimera_cli.config import Settings
from chimera_cli.models.identity import new_id
from chimera_cli.ports.llm import LLMPort
from chimera_cli.ports.telemetry import TelemetryPort
from chimera_cli.services.planning import PlanningService
from chimera_cli.services.policy_file import load_policy
from chimera_cli.services.rubric_file import load_rubric
from chimera_cli.services.safety import SafetyService
from chimera_cli.services.scoring import ScoringService
from chimera_cli.services.swarm import Swarm


@dataclass(frozen=True, kw_only=True)
class WorkerOptions:
    """What `chimera worker` was asked for."""

    count: int
    """Workers in this process."""
    drain: timedelta
    """How long running tasks may take after the first signal."""
    kinds: tuple[str, ...] = ()
    """Kinds to claim; empty means any."""
    handlers: tuple[str, ...] = ()
    """Modules or files with the user's own kinds."""
    burst: bool = False
    """Whether to end when nothing is left to do."""
    max_tasks: int | None = None
    """Deliveries after which to end; None for no end."""


@dataclass(frozen=True, kw_only=True)
class JudgeOptions:
    """What `chimera judge` was asked for."""

    count: int
    """Judges in this process."""
    drain: timedelta
    """How long results in hand may take after the first signal."""
    burst: bool = False
    """Whether to end when nothing is left to judge."""


@dataclass(frozen=True, kw_only=True)
class PlannerOptions:
    """What `chimera plan --watch` was asked for."""

    handlers: tuple[str, ...] = ()
    """Modules or files with the user's own kinds, which replacements may use."""


async def run_workers(settings: Settings, options: WorkerOptions, telemetry: TelemetryPort) -> int:
    """Run workers until a signal or, with `burst`, until nothing is left; returns the exit code.

    Raises:
        ConfigError, BackendUnavailable: Only before the start; afterwards a lost server is waited for.
    """
    handlers = load_registry(settings, options.handlers)
    async with _opened(settings, telemetry) as (swarm, llm):
        tools = WorkerTools(
            queue=swarm.queue,
            state=swarm.state,
            llm=llm,
            outbox=swarm.outbox,
            handlers=handlers,
            telemetry=telemetry,
            clock=swarm.clock,
            chance=random,
            policy=settings.worker_policy(),
            retry=settings.retry_policy(),
        )
        behaviour = PoolOptions(
            process=_process_id(),
            lease=settings.lease_policy(),
            drain=options.drain,
            kinds=options.kinds,
            max_tasks=options.max_tasks,
            burst=options.burst,
        )
        with listening() as signals:
            agents = [WorkerAgent(tools) for _ in range(options.count)]
            return await Pool(agents, _pool_tools(swarm), options=behaviour, signals=signals).run()


async def run_judges(settings: Settings, options: JudgeOptions, telemetry: TelemetryPort) -> int:
    """Run judges until a signal or, with `burst`, until nothing is left to judge; returns the exit code.

    Raises:
        ConfigError, BackendUnavailable: Only before the start; afterwards a lost server is waited for.
    """
    safety = SafetyService(settings.gate_policy(load_policy(settings.gate.policy_file)))
    rubric = load_rubric(settings.judge.rubric_file)
    async with _opened(settings, telemetry) as (swarm, llm):
        tools = JudgeTools(
            queue=swarm.queue,
            scoring=ScoringService(llm, rubric, timeout=settings.model_timeout()),
            safety=safety,
            telemetry=telemetry,
            clock=swarm.clock,
            chance=random,
            retry=settings.retry_policy(),
        )
        behaviour = PoolOptions(
            process=_process_id(), lease=settings.lease_policy(), drain=options.drain, burst=options.burst
        )
        with listening() as signals:
            agents = [JudgeAgent(tools) for _ in range(options.count)]
            return await Pool(agents, _pool_tools(swarm), options=behaviour, signals=signals).run()


async def run_planner(settings: Settings, options: PlannerOptions, telemetry: TelemetryPort) -> int:
    """Replan what failed until a signal; returns the exit code.

    Raises:
        ConfigError, BackendUnavailable: Only before the start; afterwards a lost server is waited for.
    """
    kinds = load_registry(settings, options.handlers).kinds()
    async with _opened(settings, telemetry) as (swarm, llm):
        planning = PlanningService(llm, kinds, timeout=settings.model_timeout())
        agent = PlannerAgent(planning, telemetry, swarm.clock)
        duty = partial(agent.replan_once, swarm.record, swarm.queue)
        watch = Watch(agent, duty, _pool_tools(swarm), process=_process_id(), beat=settings.lease_policy().beat)
        with listening() as signals:
            return await watch.run(signals)


@asynccontextmanager
async def _opened(settings: Settings, telemetry: TelemetryPort) -> AsyncIterator[tuple[Swarm, LLMPort]]:
    async with (
        open_swarm(settings, telemetry=telemetry, need_redis=True) as swarm,
        open_model(settings, telemetry) as llm,
    ):
        yield swarm, llm


def _pool_tools(swarm: Swarm) -> PoolTools:
    return PoolTools(
        queue=swarm.queue,
        registry=swarm.registry,
        housekeeper=swarm.orchestrator,
        undispatched=swarm.record.undispatched,
        telemetry=swarm.telemetry,
        clock=swarm.clock,
        chance=random,
    )


def _process_id() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{new_id(uuid4)[:6]}"
