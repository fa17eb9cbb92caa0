"""What a handler sees of the world."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from pydantic import JsonValue

from chimera_cli.exceptions import LLMError
from chimera_cli.models.delivery import Delivery
from chimera_cli.models.persona import Persona
from chimera_cli.models.result import StateChange, Usage
from chimera_cli.ports.llm import LLMPort
from chimera_cli.ports.outbox import OutboxPort
from chimera_cli.ports.state import GlobalStatePort

T = TypeVar("T")


class StateView:
    """The goal's state as one run reads it. It remembers the version of each key read, and binds the run's changes to them."""

    def __init__(self, port: GlobalStatePort, goal_id: str) -> None:
        self._port = port
        self._goal_id = goal_id
        self._versions: dict[str, int] = {}

    async def read(self, key: str) -> Any:
        """Return the value of a key, None when it is absent, and remember its version (the first one read counts)."""
        found = await self._port.read(self._goal_id, key)
        self._versions.setdefault(key, found.version)
        return found.value

    async def bind(self, changes: Mapping[str, Any]) -> tuple[StateChange, ...]:
        """Turn changes into versioned writes; a key that was never read is bound to its present version."""
        for key in changes:
            if key not in self._versions:
                await self.read(key)
        return tuple(StateChange(key=k, expected=self._versions[k], value=v) for k, v in changes.items())


@dataclass(frozen=True, kw_only=True)
class TaskContext:
    """Everything one run of a handler may use."""

    task: Delivery
    """The task as claimed: ids, title, goal, persona, attempt, feedback."""
    payload: Any
    """The arguments: an instance of the kind's payload model, or the plain mapping when the kind names none."""
    inputs: Mapping[str, JsonValue]
    """Outputs of the tasks it depends on, by key."""
    state: StateView
    """The goal's shared state."""
    llm: LLMPort
    """The model. Usage of calls made through it is counted."""
    outbox: OutboxPort
    """Where approved posts go."""
    deadline: datetime | None
    """When the task fails if it is not done."""
    idempotency_key: str
    """`task:phase`, the same on every repetition of this phase: give it to any external call."""
    log_event: Callable[..., None]
    """`log_event(name, message="", **fields)` writes one telemetry line."""
    loop: asyncio.AbstractEventLoop = field(repr=False)
    """The loop that drives the agents."""

    @property
    def persona(self) -> Persona | None:
        """Whose voice to use."""
        return self.task.persona

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine from a plain (not async) handler, which lives in a thread of its own, and return its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()


class MeteredLLM:
    """The model with a meter: what the calls of one run consumed."""

    def __init__(self, llm: LLMPort) -> None:
        self._llm = llm
        self.usage = Usage()

    async def ask(self, system: str, user: str, shape: Any, *, timeout: Any) -> Any:
        """Ask, and add what it consumed to the account, useless answers included. Raises what `LLMPort.ask` raises."""
        try:
            answer = await self._llm.ask(system, user, shape, timeout=timeout)
        except LLMError as exc:
            calls, read, written = exc.spent
            self.usage += Usage(calls=calls, input_tokens=read, output_tokens=written)
            raise
        self.usage += answer.usage
        return answer
