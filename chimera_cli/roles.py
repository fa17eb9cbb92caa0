"""The roles: settings and options become a process full of agents, run until a signal; or one plan, drafted once."""

import gc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from random import random

from pydantic import SecretStr

from chimera_cli.adapters.instructor_llm import InstructorLLM, ModelEndpoint
from chimera_cli.adapters.lease_keeper import ProcessKeeper
from chimera_cli.agents.approval import Approvals
from chimera_cli.agents.effects_door import EffectsDoor, effects_held
from chimera_cli.agents.foreign import ending_when_foreign
from chimera_cli.agents.judge import JudgeAgent, JudgeTools
from chimera_cli.agents.planner import PlannerAgent
from chimera_cli.agents.pool import PoolOptions
from chimera_cli.agents.signals import listening
from chimera_cli.agents.watch import Watch
from chimera_cli.agents.worker import WorkerAgent
from chimera_cli.bootstrap import open_swarm
from chimera_cli.config import Settings
from chimera_cli.handlers.loader import load_handlers
from chimera_cli.handlers.registry import HandlerRegistry
from chimera_cli.models.agent import Role
from chimera_cli.models.persona import Persona
from chimera_cli.models.plan import Plan
from chimera_cli.ports.llm import LLMPort
from chimera_cli.ports.telemetry import TelemetryPort
from chimera_cli.records import voucher
from chimera_cli.services.planning import PlanningService
from chimera_cli.services.policy_file import load_policy
from chimera_cli.services.rubric_file import load_rubric
from chimera_cli.services.safety import SafetyService
from chimera_cli.services.scoring import ScoringService
from chimera_cli.services.swarm import Swarm
from chimera_cli.services.vouching import NO_KEY
from chimera_cli.staffing import kept, payload_of, pool_tools, process_id, staff, worker_tools

ModelOpener = Callable[[Settings, TelemetryPort], AbstractAsyncContextManager[LLMPort]]
"""Makes the connection to a model, closed at the end."""

LOOK_FOR_GARBAGE_AFTER = 100_000
"""New objects. Seldom, for most garbage goes by itself; not seldomer, for a look through so many holds the event loop for 30 ms."""


@dataclass(frozen=True, kw_only=True)
class WorkerOptions:
    """What `chimera worker` was asked for."""

    count: int
    """Workers in this process."""
    drain: timedelta
    """How long running tasks may take after the first signal."""
    kinds: tuple[str, ...] = ()
    """Kinds to claim; empty means all that there are handlers for."""
    handlers: tuple[str, ...] = ()
    """Modules or files with the user's own kinds."""
    burst: bool = False
    """Whether to end when nothing is left to do."""
    max_tasks: int | None = None
    """Deliveries after which to end; None for no end."""
    parent: int | None = None
    """The process to end with; None for none."""


@dataclass(frozen=True, kw_only=True)
class JudgeOptions:
    """What `chimera judge` was asked for."""

    count: int
    """Judges in this process."""
    drain: timedelta
    """How long results in hand may take after the first signal."""
    burst: bool = False
    """Whether to end when nothing is left to judge."""


async def run_workers(settings: Settings, options: WorkerOptions, telemetry: TelemetryPort) -> int:
    """Run workers until a signal or, with `burst`, until nothing is left; returns the exit code.

    Raises:
        ConfigError, BackendUnavailable: Only before the start; afterwards a lost server is waited for.
    """
    async with kept(settings, telemetry, options.count) as keeper:
        return await _run_workers(settings, options, telemetry, keeper)


async def _run_workers(
    settings: Settings, options: WorkerOptions, telemetry: TelemetryPort, keeper: ProcessKeeper
) -> int:
    handlers = load_registry(settings, options.handlers)
    kinds = handlers.claimed(options.kinds)
    async with _opened(settings, telemetry, keeper.process, Role.WORKER) as (swarm, llm):
        door = EffectsDoor(
            swarm.record.probe_effects, telemetry, clock=swarm.clock, chance=random, source=keeper.process
        )
        approvals = Approvals(signs := voucher(settings))
        if not signs.able:
            telemetry.emit(effects_held(keeper.process, NO_KEY))
        tools = worker_tools(settings, swarm, llm=llm, handlers=handlers, approvals=approvals, door=door)
        behaviour = PoolOptions(
            process=keeper.process,
            lease=settings.lease_policy(),
            drain=options.drain,
            kinds=kinds,
            max_tasks=options.max_tasks,
            burst=options.burst,
        )
        agents, may_execute = [WorkerAgent(tools) for _ in range(options.count)], lambda: door.open and approvals.open
        async with door.watched():
            return await staff(
                agents, swarm, keeper, behaviour, parent=options.parent, may_execute=may_execute, has_key=signs.able
            )


async def run_judges(
    settings: Settings, options: JudgeOptions, telemetry: TelemetryPort, *, model: ModelOpener | None = None
) -> int:
    """Run judges until a signal or, with `burst`, until nothing is left to judge; returns the exit code.

    Args:
        settings: Servers, policies, the model.
        options: What was asked for.
        telemetry: Who listens.
        model: What opens the model; None for the one of the settings.

    Raises:
        ConfigError, BackendUnavailable: Only before the start; afterwards a lost server is waited for.
    """
    async with kept(settings, telemetry, options.count) as keeper:
        return await _run_judges(settings, options, telemetry, keeper, model)


async def _run_judges(
    settings: Settings,
    options: JudgeOptions,
    telemetry: TelemetryPort,
    keeper: ProcessKeeper,
    model: ModelOpener | None,
) -> int:
    safety = SafetyService(settings.gate_policy(load_policy(settings.gate.policy_file)))
    rubric = load_rubric(settings.judge.rubric_file)
    async with _opened(settings, telemetry, keeper.process, Role.JUDGE, model) as (swarm, llm):
        tools = JudgeTools(
            queue=swarm.queue,
            scoring=ScoringService(llm, rubric, timeout=settings.model_timeout()),
            safety=safety,
            telemetry=telemetry,
            clock=swarm.clock,
            chance=random,
            retry=settings.retry.policy(),
            abandon_cap=settings.lease_policy().abandon_cap,
            payload_of=payload_of(swarm),
            voucher=voucher(settings),
            timeout=timedelta(seconds=settings.judge.timeout_s),
        )
        behaviour = PoolOptions(
            process=keeper.process, lease=settings.lease_policy(), drain=options.drain, burst=options.burst
        )
        return await staff([JudgeAgent(tools) for _ in range(options.count)], swarm, keeper, behaviour)


async def run_planner(settings: Settings, handlers: Sequence[str], telemetry: TelemetryPort) -> int:
    """Replan what failed until a signal; returns the exit code.

    Raises:
        ConfigError, BackendUnavailable: Only before the start; afterwards a lost server is waited for.
    """
    kinds = load_registry(settings, handlers).kinds()
    async with _opened(settings, telemetry, process_id(), Role.PLANNER) as (swarm, llm):
        planning = PlanningService(llm, kinds, timeout=settings.model_timeout())
        agent = PlannerAgent(planning, telemetry)
        duty = partial(agent.replan_once, swarm.record, swarm.queue)
        watch = Watch(agent, duty, pool_tools(swarm), process=swarm.pairing.process, beat=settings.lease_policy().beat)
        with listening() as signals:
            async with ending_when_foreign(swarm.pairing, signals):
                return await watch.run(signals)


async def draft_plan(
    settings: Settings, goal: str, *, persona: Persona | None, handlers: Sequence[str], telemetry: TelemetryPort
) -> Plan:
    """Have the model plan a goal; writes nothing.

    Raises:
        InvalidPlan, LLMError: The model gave no valid plan.
        BackendUnavailable, ConfigError: The model is away, or refuses the key.
    """
    kinds = load_registry(settings, handlers).kinds()
    async with open_model(settings, telemetry) as llm:
        planning = PlanningService(llm, kinds, timeout=timedelta(seconds=2 * settings.model.timeout_s))
        return await PlannerAgent(planning, telemetry).plan(goal, persona)


def open_model(settings: Settings, telemetry: TelemetryPort) -> AbstractAsyncContextManager[InstructorLLM]:
    """Make the connection to the model; nothing connects before the first question.

    Raises:
        ConfigError: There is no key.
    """
    key = SecretStr(settings.model_key())
    endpoint = ModelEndpoint(base_url=settings.openai_base_url, api_key=key, model=settings.model.name)
    return InstructorLLM(endpoint, telemetry)


def load_registry(settings: Settings, handlers: Sequence[str] = ()) -> HandlerRegistry:
    """Load the known kinds: built-in ones, those of the settings, and those named here.

    Raises:
        ConfigError: A module cannot be loaded or holds no handler.
    """
    return load_handlers([*settings.handlers, *handlers])


@asynccontextmanager
async def _opened(
    settings: Settings, telemetry: TelemetryPort, process: str, role: Role, model: ModelOpener | None = None
) -> AsyncIterator[tuple[Swarm, LLMPort]]:
    async with (
        open_swarm(settings, telemetry=telemetry, need_redis=True) as swarm,
        (model or open_model)(settings, telemetry) as llm,
        swarm.pairing.reporting(process, role),
    ):
        # Before the first claim, which a Redis that nobody vouches for would refuse.
        await swarm.orchestrator.reconcile()
        # What was loaded stays: each time the garbage collector looked through all of it, it would hold the event loop for 60 ms.
        gc.freeze()
        gc.set_threshold(LOOK_FOR_GARBAGE_AFTER)
        yield swarm, llm
