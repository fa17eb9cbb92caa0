"""A small world for handlers: state, model and outbox that only remember."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import JsonValue

from chimera_cli.handlers.context import MeteredLLM, StateView, TaskContext
from chimera_cli.handlers.invoke import RunLimits, payload_for
from chimera_cli.handlers.registry import Handler
from chimera_cli.models.delivery import Delivery
from chimera_cli.models.epoch import NO_EPOCHS, Epochs
from chimera_cli.models.result import VersionedValue
from tests.builders import a_delivery
from tests.fake_llm import FunctionLLM, scripted

LIMITS = RunLimits(timeout=timedelta(seconds=5), max_output_bytes=2048)


class FakeState:
    """Versioned values in a dictionary."""

    def __init__(self, values: Mapping[str, tuple[JsonValue, int]] | None = None) -> None:
        self.values = dict(values or {})

    async def read(self, goal_id: str, key: str) -> VersionedValue:
        value, version = self.values.get(key, (None, 0))
        return VersionedValue(value=value, version=version)


class FakeOutbox:
    """Keeps each post once."""

    def __init__(self) -> None:
        self.stored: dict[str, Mapping[str, JsonValue]] = {}

    async def append(
        self, idempotency_key: str, platform: str, post: Mapping[str, JsonValue], *, epochs: Epochs = NO_EPOCHS
    ) -> bool:
        new = idempotency_key not in self.stored
        self.stored.setdefault(idempotency_key, post)
        return new

    async def posts(self, limit: int = 50) -> list[Mapping[str, JsonValue]]:
        return list(self.stored.values())


def delivery(handler: Handler, payload: Mapping[str, Any] | None = None, **more: Any) -> Delivery:
    """Make a claimed task of the handler's kind."""
    return a_delivery(**{"kind": handler.kind, "payload": dict(payload or {}), **more})


def context(
    handler: Handler,
    payload: Mapping[str, Any] | None = None,
    *,
    state: FakeState | None = None,
    model: FunctionLLM | None = None,
    outbox: FakeOutbox | None = None,
    **more: Any,
) -> TaskContext:
    """Make what one run sees; `more` are fields of the delivery."""
    task = delivery(handler, payload, **more)
    return TaskContext(
        task=task,
        payload=payload_for(handler, task.payload),
        inputs=task.inputs,
        state=StateView(state or FakeState(), task.lease.goal_id),
        llm=MeteredLLM(model or scripted()),
        outbox=outbox or FakeOutbox(),
        deadline=task.deadline,
        idempotency_key=f"{task.lease.task_id}:{task.phase}",
        log_event=lambda *args, **kwargs: None,
        loop=asyncio.get_running_loop(),
    )
