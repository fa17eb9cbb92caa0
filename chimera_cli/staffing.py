"""What every process of a role has around its agents: signals, a watchdog, and a keeper of its leases."""

import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from random import random
from uuid import uuid4

from pydantic import JsonValue

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.lease_keeper import KeeperOptions, ProcessKeeper, keeping
from chimera_cli.agents.approval import Approvals
from chimera_cli.agents.crew import CrewAgent, PayloadOf
from chimera_cli.agents.descriptors import Canary
from chimera_cli.agents.effects_door import EffectsDoor
from chimera_cli.agents.foreign import ending_when_foreign
from chimera_cli.agents.health import LOOK, Diligence, Health
from chimera_cli.agents.own_signals import refusing_own_signals
from chimera_cli.agents.pool import Pool, PoolOptions, PoolTools
from chimera_cli.agents.signals import following, listening
from chimera_cli.agents.watchdog import Watchdog
from chimera_cli.agents.worker import WorkerTools
from chimera_cli.config import Settings
from chimera_cli.handlers.registry import HandlerRegistry
from chimera_cli.models.identity import new_id
from chimera_cli.models.policy import patience, stalled_after
from chimera_cli.ports.llm import LLMPort
from chimera_cli.ports.telemetry import TelemetryPort
from chimera_cli.services.redaction import Redactor
from chimera_cli.services.swarm import Swarm

KEEPER_WITHIN = timedelta(seconds=5)
"""How long a process waits at its start for the keeper of its leases before it claims."""


@asynccontextmanager
async def kept(settings: Settings, telemetry: TelemetryPort, agents: int) -> AsyncIterator[ProcessKeeper]:
    """Have a keeper for a process that is about to start, for so many agents. What is loaded from here may not end the process."""
    options = KeeperOptions(
        url=settings.redis_url.get_secret_value(),
        keys=Keys(settings.namespace, settings.shards),
        process=process_id(),
        agents=agents,
        lease=settings.lease_policy(),
    )
    with refusing_own_signals():
        async with keeping(options, telemetry) as keeper:
            yield keeper


async def staff(
    agents: Sequence[CrewAgent],
    swarm: Swarm,
    keeper: ProcessKeeper,
    options: PoolOptions,
    *,
    parent: int | None = None,
    may_execute: Callable[[], bool] = lambda: True,
    has_key: bool = True,
) -> int:
    """Run a crew until its end and return the exit code."""
    diligence = Diligence(swarm.orchestrator)
    tools = replace(pool_tools(swarm, may_execute), housekeeper=diligence, has_key=has_key)
    with listening() as signals, watched(swarm.telemetry, options, diligence):
        async with following(parent, signals, swarm.clock), ending_when_foreign(swarm.pairing, signals):
            await keeper.ready(min(options.lease.lease / 2, KEEPER_WITHIN))
            return await Pool(agents, tools, options=options, signals=signals, keeper=keeper).run()


@contextmanager
def watched(telemetry: TelemetryPort, options: PoolOptions, diligence: Diligence) -> Iterator[None]:
    """Have a watchdog for the running loop, for a while."""
    with closing(Canary()) as canary:
        health = Health(canary, diligence)
        limit, stalled = patience(options.lease), stalled_after(options.lease)
        with Watchdog(limit, telemetry, source=options.process, stalled=stalled, tick=LOOK, ill=health.ill):
            yield


def pool_tools(swarm: Swarm, may_execute: Callable[[], bool] = lambda: True) -> PoolTools:
    """Take what a pool works with from a swarm."""
    return PoolTools(
        queue=swarm.queue,
        registry=swarm.registry,
        housekeeper=swarm.orchestrator,
        undispatched=swarm.record.undispatched,
        telemetry=swarm.telemetry,
        clock=swarm.clock,
        chance=random,
        may_execute=may_execute,
    )


def worker_tools(
    settings: Settings,
    swarm: Swarm,
    *,
    llm: LLMPort,
    handlers: HandlerRegistry,
    approvals: Approvals,
    door: EffectsDoor,
) -> WorkerTools:
    """Take what workers work with from a swarm and its settings."""
    return WorkerTools(
        queue=swarm.queue,
        state=swarm.state,
        llm=llm,
        outbox=swarm.outbox,
        handlers=handlers,
        approvals=approvals,
        telemetry=swarm.telemetry,
        clock=swarm.clock,
        chance=random,
        policy=settings.worker.policy(),
        retry=settings.retry.policy(),
        payload_of=payload_of(swarm),
        demand_live=swarm.record.demand_live,
        door=door,
        redactor=Redactor(settings.secret_values()),
    )


def payload_of(swarm: Swarm) -> PayloadOf:
    """Have payloads that are too long for the queue fetched from the record."""

    async def fetch(task_id: str) -> Mapping[str, JsonValue]:
        return (await swarm.record.task(task_id)).payload

    return fetch


def process_id() -> str:
    """Make the id of this process: host, pid and a random part."""
    return f"{socket.gethostname()}:{os.getpid()}:{new_id(uuid4)[:6]}"
