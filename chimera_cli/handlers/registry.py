"""Which function does which kind of task. A decorated function becomes a Handler; nothing is registered at import."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter

from chimera_cli.exceptions import ConfigError
from chimera_cli.handlers.context import TaskContext
from chimera_cli.models.plan import Kinds
from chimera_cli.models.result import TaskOutcome
from chimera_cli.models.words import Key

Run = Callable[[TaskContext], TaskOutcome | Awaitable[TaskOutcome]]
"""Makes the result."""
Execute = Callable[[TaskContext, Any], TaskOutcome | Awaitable[TaskOutcome]]
"""Performs the effect of an approved output; gets exactly that output."""
Merge = Callable[[Any, Any], Any]
"""`merge(current, output)` computes the new changes, `{key: value}`, from the present values of the keys that the result
changes, `{key: value}`, and the approved output."""


class Handler:
    """What chimera knows of one task kind."""

    def __init__(
        self,
        kind: str,
        run: Run,
        *,
        judged: bool = True,
        payload: type[BaseModel] | None = None,
        execute: Execute | None = None,
        merge: Merge | None = None,
        timeout: timedelta | None = None,
        review: Literal["policy", "always"] = "policy",
    ) -> None:
        self.kind = TypeAdapter(Key).validate_python(kind)
        self.run = run
        self.judged = judged
        self.payload = payload
        self.execute_with = execute
        self.merge_with = merge
        self.timeout = timeout
        self.review = review

    def __call__(self, ctx: TaskContext) -> TaskOutcome | Awaitable[TaskOutcome]:
        """Run the handler, as a user's own test would."""
        return self.run(ctx)

    def execute(self, function: Execute) -> Execute:
        """Decorate the function that performs the effect of an approved output."""
        self.execute_with = function
        return function

    def merge(self, function: Merge) -> Merge:
        """Decorate the function that recomputes the changes of an approved output on newer state."""
        self.merge_with = function
        return function


def handler(
    kind: str,
    *,
    judged: bool = True,
    payload: type[BaseModel] | None = None,
    execute: Execute | None = None,
    merge: Merge | None = None,
    timeout: timedelta | None = None,
    review: Literal["policy", "always"] = "policy",
) -> Callable[[Run], Handler]:
    """Make a function the handler of a task kind.

    Args:
        kind: Name of the kind, such as `report.write`.
        judged: Whether results pass the judge and the gate. An unjudged kind has no effect outside the swarm.
        payload: Model that a task's payload must fit.
        execute: Performs the effect of an approved output; also settable with `@name.execute`.
        merge: Recomputes held changes after a conflict; also settable with `@name.merge`.
        timeout: Longest run; None for the worker's default.
        review: `always` sends every result to a person, whatever its score.
    """

    def decorate(function: Run) -> Handler:
        return Handler(
            kind,
            function,
            judged=judged,
            payload=payload,
            execute=execute,
            merge=merge,
            timeout=timeout,
            review=review,
        )

    return decorate


class HandlerRegistry:
    """The kinds a process knows. Later registrations of a kind replace earlier ones, so users may override built-in kinds."""

    def __init__(self, handlers: Iterable[Handler] = ()) -> None:
        self._handlers: dict[str, Handler] = {}
        for item in handlers:
            self.register(item)

    def register(self, item: Handler) -> None:
        """Add a handler.

        Raises:
            ConfigError: It is unjudged and has an execute phase, or wants a review.
        """
        if not item.judged and item.execute_with is not None:
            raise ConfigError(f"kind {item.kind!r} is not judged, so it may not have an execute phase")
        if not item.judged and item.review == "always":
            raise ConfigError(f"kind {item.kind!r} is not judged, so nobody would review it")
        self._handlers[item.kind] = item

    def get(self, kind: str) -> Handler | None:
        """Return the handler of a kind, None when it is unknown."""
        return self._handlers.get(kind)

    def __iter__(self) -> Iterator[Handler]:
        """Go through all handlers."""
        return iter(self._handlers.values())

    def kinds(self) -> Kinds:
        """Return the known kinds with their payload models, as plan checks want them."""
        return {kind: item.payload for kind, item in self._handlers.items()}

    def claimed(self, kinds: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the kinds that a worker with these handlers claims: all of them, or those that are named.

        Raises:
            ConfigError: One of `kinds` has no handler, so that its tasks could not be done.
        """
        if unknown := sorted(set(kinds) - set(self._handlers)):
            named = ", ".join(map(repr, unknown))
            raise ConfigError(f"there is no handler for the kind {named}", hint="add --handlers MODULE")
        return tuple(sorted(set(kinds) or self._handlers))
