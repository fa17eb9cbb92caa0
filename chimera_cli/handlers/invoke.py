"""One run of one handler: calls it within its time, and turns what it returns into a checked TaskResult.

What a handler raises comes out as it is, for the worker to retry. What it *returns* wrongly is a HandlerError: running it
again would give the same. A run that takes too long is a TimeoutError; an async handler is cancelled then, a plain one is
left behind in its thread (see `threads`), and either is fenced: nobody listens to its answer any more, and the swarm does nothing
more for it. The same holds for a run that is cancelled because its lease was lost.
"""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

from pydantic import JsonValue, ValidationError

from chimera_cli.exceptions import HandlerError
from chimera_cli.handlers.context import Ending, LiveOutbox, MeteredLLM, TaskContext
from chimera_cli.handlers.registry import Handler
from chimera_cli.handlers.threads import in_thread
from chimera_cli.handlers.wire import checked_changes, checked_json
from chimera_cli.models.noun import Noun
from chimera_cli.models.policy import WorkerPolicy
from chimera_cli.models.problems import problems_of
from chimera_cli.models.result import TaskOutcome, TaskResult, Usage

GRACE = timedelta(seconds=1)
"""How long a cancelled handler may tidy up before it is left behind."""


class RunLimits(Noun):
    """How much one run may take."""

    timeout: timedelta
    """Longest run."""
    max_output_bytes: int
    """Longest output, and longest value of a change, as JSON."""


def payload_for(handler: Handler, payload: Mapping[str, JsonValue]) -> Any:
    """Return the payload as the handler wants it: an instance of its payload model, or a copy of the mapping.

    Raises:
        HandlerError: The payload does not fit the model.
    """
    if handler.payload is None:
        return deepcopy(dict(payload))
    try:
        return handler.payload.model_validate(dict(payload))
    except ValidationError as exc:
        raise HandlerError(
            f"kind {handler.kind!r}: the payload does not fit: {'; '.join(problems_of(exc, 'payload')[:5])}"
        ) from exc


def run_limits(handler: Handler, policy: WorkerPolicy, deadline: datetime | None, now: datetime) -> RunLimits:
    """Bound a run: by the operator's timeout for this kind, else by the handler's own, else by the one for all kinds; and never
    beyond the task's deadline."""
    timeout = policy.timeouts.get(handler.kind, handler.timeout or policy.timeout)
    if deadline is not None:
        timeout = max(min(timeout, deadline - now), timedelta(0))
    return RunLimits(timeout=timeout, max_output_bytes=policy.max_output_bytes)


async def propose(handler: Handler, ctx: TaskContext, limits: RunLimits) -> TaskResult:
    """Make the result.

    Raises:
        HandlerError: It returned something else than a TaskOutcome of JSON values.
        TimeoutError: It ran too long.
    """
    outcome = await _call(handler, ctx, limits, handler.run, ctx)
    return await _result(handler, ctx, outcome, limits)


async def execute(handler: Handler, ctx: TaskContext, approved: JsonValue, limits: RunLimits) -> TaskResult:
    """Perform the effect of an approved output.

    Raises:
        HandlerError: The kind has no execute phase, or it returned changes, or something else than a TaskOutcome of JSON.
        TimeoutError: It ran too long.
    """
    if handler.execute_with is None:
        raise HandlerError(f"kind {handler.kind!r} has no execute phase")
    outcome = await _call(handler, ctx, limits, handler.execute_with, ctx, deepcopy(approved))
    if isinstance(outcome, TaskOutcome) and outcome.changes:
        # A conflict over them would perform the effect again.
        raise HandlerError(f"kind {handler.kind!r}: execute returned changes, which nobody approved")
    return await _result(handler, ctx, outcome, limits)


async def merge(handler: Handler, ctx: TaskContext, approved: JsonValue, limits: RunLimits) -> TaskResult:
    """Recompute the held changes of an approved output on the state as it is now; the output stays what it was.

    Raises:
        HandlerError: The kind cannot merge, or returned something else than JSON values for the approved keys.
        TimeoutError: It ran too long.
    """
    if handler.merge_with is None:
        raise HandlerError(f"kind {handler.kind!r} cannot merge")
    current = {change.key: await ctx.state.read(change.key) for change in ctx.task.changes}
    merged = await _call(handler, ctx, limits, handler.merge_with, deepcopy(current), deepcopy(approved))
    if not isinstance(merged, Mapping):
        raise HandlerError(f"kind {handler.kind!r}: merge returned {_name(merged)}, not a mapping of keys to values")
    strange = sorted(str(key) for key in merged if key not in current)
    if strange:
        raise HandlerError(f"kind {handler.kind!r}: merge changed {', '.join(strange)}, which nobody approved")
    return await _result(handler, ctx, TaskOutcome(output=approved, changes=merged), limits)


async def _call(
    handler: Handler, ctx: TaskContext, limits: RunLimits, function: Callable[..., Any], *args: object
) -> Any:
    run = asyncio.ensure_future(_started(handler, ctx.task.lease.agent, function, *args))
    try:
        await asyncio.wait({run}, timeout=limits.timeout.total_seconds())
    except asyncio.CancelledError:
        await _abandon(run, ctx.ending)
        raise
    if not run.done():
        await _abandon(run, ctx.ending)
        raise TimeoutError(f"kind {handler.kind!r} ran longer than {limits.timeout.total_seconds():g} s")
    if run.cancelled():
        raise RuntimeError(f"kind {handler.kind!r} cancelled itself")
    if isinstance(error := run.exception(), GeneratorExit):
        # Raised here it would pass for the end of what calls this.
        raise RuntimeError(f"kind {handler.kind!r} raised GeneratorExit: {error}") from error
    return run.result()


async def _started(handler: Handler, agent: str, function: Callable[..., Any], *args: object) -> Any:
    try:
        if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__):
            return await function(*args)
        answer = await in_thread(function, *args, name=f"handler {handler.kind}", agent=agent)
        # A plain function may wrap an async one, such as a functools.partial or a decorator's closure.
        return await answer if inspect.isawaitable(answer) else answer
    except (SystemExit, KeyboardInterrupt) as exc:
        # Either would end the whole process, with every other task in it.
        raise RuntimeError(f"kind {handler.kind!r} raised {type(exc).__name__}: {exc}") from exc


async def _abandon(run: "asyncio.Future[Any]", ending: Ending) -> None:
    ending.over = True
    run.cancel()
    await asyncio.wait({run}, timeout=GRACE.total_seconds())
    # Whatever a handler says after its time is nobody's; reading it keeps asyncio from complaining about it.
    run.add_done_callback(lambda late: late.cancelled() or late.exception())


async def _result(handler: Handler, ctx: TaskContext, outcome: object, limits: RunLimits) -> TaskResult:
    if not isinstance(outcome, TaskOutcome):
        raise HandlerError(f"kind {handler.kind!r} returned {_name(outcome)}, not a TaskOutcome")
    output = checked_json(outcome.output, handler.kind, "output", limits.max_output_bytes)
    changes = checked_changes(outcome.changes, handler.kind, limits.max_output_bytes)
    return TaskResult(
        output=output,
        changes=await ctx.state.bind(changes),
        usage=ctx.llm.usage if isinstance(ctx.llm, MeteredLLM) else Usage(),
        executes=handler.execute_with is not None,
        mergeable=handler.merge_with is not None,
        review_always=handler.review == "always",
        posts=tuple(ctx.outbox.stored) if isinstance(ctx.outbox, LiveOutbox) else (),
    )


def _name(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
