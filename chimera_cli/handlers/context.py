"""What a handler sees of the world."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from pydantic import JsonValue

from chimera_cli.exceptions import HandlerError, LLMError
from chimera_cli.models.delivery import Delivery
from chimera_cli.models.epoch import NO_EPOCHS, Epochs
from chimera_cli.models.persona import Persona
from chimera_cli.models.result import StateChange, Usage
from chimera_cli.ports.llm import LLMPort
from chimera_cli.ports.outbox import OutboxPort
from chimera_cli.ports.state import GlobalStatePort

T = TypeVar("T")


class Ending:
    """Whether a run was ended from outside. A thread cannot be stopped, and a cancelled function may go on: what either asks of the
    swarm after that is refused."""

    def __init__(self) -> None:
        self.over = False

    def check(self) -> None:
        """Let a run that goes on pass.

        Raises:
            HandlerError: The run was ended.
        """
        if self.over:
            raise HandlerError(
                "this run was ended, because it took too long or its lease was lost: it has no effect any more"
            )


class StateView:
    """The goal's state as one run reads it. It remembers the version of each key read, and binds the run's changes to them."""

    def __init__(self, port: GlobalStatePort, goal_id: str, ending: Ending | None = None) -> None:
        self._port = port
        self._goal_id = goal_id
        self._ending = ending or Ending()
        self._versions: dict[str, int] = {}

    async def read(self, key: str) -> Any:
        """Return the value of a key, None when it is absent, and remember its version (the first one read counts)."""
        self._ending.check()
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
    """`log_event(name, message="", level="INFO", **fields)` writes one telemetry line; see `HandlerVoice`."""
    loop: asyncio.AbstractEventLoop = field(repr=False)
    """The loop that drives the agents."""
    ending: Ending = field(default_factory=Ending, repr=False)
    """Whether the run was ended; then nothing of the above works any more."""

    @property
    def delivery(self) -> int:
        """How often this phase of the task was handed to an agent, counted from 1; what an earlier one did is not known here."""
        return self.task.number

    @property
    def persona(self) -> Persona | None:
        """Whose voice to use."""
        return self.task.persona

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine from a plain (not async) handler, which lives in a thread of its own, and return its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()


class MeteredLLM:
    """The model with a meter: what the calls of one run consumed."""

    def __init__(self, llm: LLMPort, ending: Ending | None = None) -> None:
        self._llm = llm
        self._ending = ending or Ending()
        self.usage = Usage()

    async def ask(self, system: str, user: str, shape: Any, *, timeout: Any) -> Any:
        """Ask, and add what it consumed to the account, useless answers included. Raises what `LLMPort.ask` raises."""
        self._ending.check()
        try:
            answer = await self._llm.ask(system, user, shape, timeout=timeout)
        except LLMError as exc:
            calls, read, written = exc.spent
            self.usage += Usage(calls=calls, input_tokens=read, output_tokens=written)
            raise
        self.usage += answer.usage
        return answer


class LiveOutbox:
    """The outbox for as long as a run goes on."""

    def __init__(self, outbox: OutboxPort, ending: Ending, *, epochs: Epochs = NO_EPOCHS) -> None:
        """Args:
        outbox: Where posts are stored.
        ending: Whether the run goes on.
        epochs: What must hold in the record for a post to be stored: the task was claimed from the Redis that counts.
        """
        self._outbox = outbox
        self._ending = ending
        self._epochs = epochs
        self.stored: dict[str, None] = {}
        """Idempotency keys of what is in the outbox since this run asked for it, in order."""

    async def append(
        self, idempotency_key: str, platform: str, post: Mapping[str, JsonValue], *, epochs: Epochs = NO_EPOCHS
    ) -> bool:
        """Store a post once. Raises what `OutboxPort.append` raises, and HandlerError when the run was ended."""
        self._ending.check()
        first = await self._outbox.append(idempotency_key, platform, post, epochs={**epochs, **self._epochs})
        self.stored[idempotency_key] = None
        return first

    async def posts(self, limit: int = 50) -> list[Mapping[str, JsonValue]]:
        """List posts."""
        return await self._outbox.posts(limit)
