"""Task kinds of the rounds, and a judge's model that says yes to all of them."""

import asyncio
import json
from typing import Any

from chimera_cli.handlers.context import TaskContext
from chimera_cli.handlers.registry import Handler, HandlerRegistry, handler
from chimera_cli.models.result import TaskOutcome
from chimera_cli.services.rubric_file import load_rubric

QUOTE = "a quiet word"
SLOW_S = 0.8
RUBRIC = load_rubric()


@handler("plain", judged=False)
async def plain(ctx: TaskContext) -> TaskOutcome:
    """Say something and write it to a key of its own."""
    return TaskOutcome(output=QUOTE, changes={f"own.{ctx.task.key}": QUOTE})


@handler("tally", judged=False)
async def tally(ctx: TaskContext) -> TaskOutcome:
    """Count one up on a key that tasks share."""
    seen = await ctx.state.read("tally") or 0
    return TaskOutcome(output=seen, changes={"tally": seen + 1})


@handler("flaky", judged=False)
async def flaky(ctx: TaskContext) -> TaskOutcome:
    """Fail the first attempt."""
    if ctx.task.attempt == 1:
        raise ValueError("not yet")
    return TaskOutcome(output=QUOTE, changes={f"own.{ctx.task.key}": QUOTE})


@handler("slow", judged=False)
async def slow(ctx: TaskContext) -> TaskOutcome:
    """Take almost three leases, so that others may come and go in between."""
    await asyncio.sleep(SLOW_S)
    return TaskOutcome(output=QUOTE, changes={f"own.{ctx.task.key}": QUOTE})


@handler("draft")
async def draft(ctx: TaskContext) -> TaskOutcome:
    """Say something that a judge lets through."""
    return TaskOutcome(output=QUOTE, changes={f"own.{ctx.task.key}": QUOTE})


@handler("merge", review="always")
async def merging(ctx: TaskContext) -> TaskOutcome:
    """Put a name on a list that tasks share, with a way to merge; a person sees it."""
    names = await ctx.state.read("names") or []
    return TaskOutcome(output={"name": ctx.task.key, "text": QUOTE}, changes={"names": [*names, ctx.task.key]})


@merging.merge
def merge_names(current: dict[str, Any], output: Any) -> dict[str, Any]:
    """Put the approved name on the list as it is now."""
    return {"names": [*(current["names"] or []), output["name"]]}


@handler("post", review="always")
async def post(ctx: TaskContext) -> TaskOutcome:
    """Write what a person must see before it goes out."""
    return TaskOutcome(output={"text": QUOTE, "by": ctx.task.key})


@post.execute
async def send(ctx: TaskContext, approved: Any) -> TaskOutcome:
    """Send it."""
    await ctx.outbox.append(ctx.idempotency_key, "twitter", approved)
    return TaskOutcome(output={"sent": True})


KINDS: tuple[Handler, ...] = (plain, tally, flaky, slow, draft, merging, post)


def registry() -> HandlerRegistry:
    """Know these kinds."""
    return HandlerRegistry(KINDS)


def full_marks(_system: str, _user: str) -> Any:
    """Answer as a judge that finds nothing wrong."""
    scores = [{"criterion": c.id, "quote": QUOTE, "reason": "it is", "score": 5} for c in RUBRIC.criteria]
    return json.loads(json.dumps({"scores": scores}))
