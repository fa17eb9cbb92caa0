"""The task kinds of a drill, written as a user would write them. Each run notes itself in a file outside both stores."""

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

from chimera_cli import TaskContext, TaskOutcome, handler
from chimera_cli.models.noun import Noun
from chimera_cli.simulation.chaos.mischief import comply

EFFECTS = "DRILL_EFFECTS"
"""Variable that names the file."""
POISONED = 70
"""Exit code of a process that a poison task ended."""


class Work(Noun):
    """What a task of a drill is told."""

    pause_s: float = 0.0
    """Seconds that it takes."""
    failures: int = 0
    """Attempts that fail."""
    again_s: float = 0.0
    """Seconds that a further run takes longer, so that whoever was robbed of the task comes back in the middle of it."""


def note(ctx: TaskContext) -> None:
    """Write one line about this run, whole, whoever else writes at the same time."""
    words = {"task": ctx.task.lease.task_id, "phase": ctx.task.phase, "key": ctx.idempotency_key, "pid": os.getpid()}
    line = json.dumps({**words, "generation": ctx.task.lease.generation, "kind": ctx.task.kind}) + "\n"
    file = os.open(os.environ[EFFECTS], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


def begin(ctx: TaskContext) -> None:
    """Note the run, then do to this process what a strike asked for."""
    note(ctx)
    comply(Path(os.environ[EFFECTS]).parent, ctx.task.lease.task_id)


@handler("drill.count", judged=False, payload=Work)
async def count(ctx: TaskContext) -> TaskOutcome:
    """Add one to a key that others add to at the same time."""
    begin(ctx)
    seen = await ctx.state.read("count") or 0
    await asyncio.sleep(ctx.payload.pause_s)
    return TaskOutcome(output={"seen": seen}, changes={"count": seen + 1})


@handler("drill.sleep", judged=False, payload=Work)
async def sleep(ctx: TaskContext) -> TaskOutcome:
    """Take a while and write a key of its own."""
    begin(ctx)
    robbed = ctx.task.lease.generation > 1
    await asyncio.sleep(ctx.payload.pause_s + (ctx.payload.again_s if robbed else 0))
    return TaskOutcome(output={"key": ctx.task.key}, changes={ctx.task.key: ctx.task.lease.generation})


@handler("drill.thread", judged=False, payload=Work)
def thread(ctx: TaskContext) -> TaskOutcome:
    """Take a while in a thread."""
    note(ctx)
    time.sleep(ctx.payload.pause_s)
    return TaskOutcome(output={"key": ctx.task.key}, changes={ctx.task.key: ctx.task.lease.generation})


@handler("drill.flaky", judged=False, payload=Work)
async def flaky(ctx: TaskContext) -> TaskOutcome:
    """Fail as often as told, then do well."""
    begin(ctx)
    await asyncio.sleep(ctx.payload.pause_s)
    if ctx.task.attempt <= ctx.payload.failures:
        raise RuntimeError("this attempt fails on purpose")
    return TaskOutcome(output={"attempt": ctx.task.attempt}, changes={ctx.task.key: ctx.task.attempt})


@handler("drill.poison", judged=False, payload=Work)
async def poison(ctx: TaskContext) -> TaskOutcome:
    """End the whole process, whoever runs it."""
    note(ctx)
    os._exit(POISONED)


@handler("drill.merge", payload=Work)
async def merge(ctx: TaskContext) -> TaskOutcome:
    """Put this task's name on a list that others write too; judged, so that the list has mostly moved on by then."""
    begin(ctx)
    names = await ctx.state.read("names") or []
    await asyncio.sleep(ctx.payload.pause_s)
    return TaskOutcome(output=_story(ctx), changes={"names": [*names, ctx.task.key]})


@merge.merge
def merge_names(current: dict[str, Any], output: Any) -> dict[str, Any]:
    """Put the approved name on the list as it is now."""
    return {"names": [*(current["names"] or []), output["name"]]}


async def _proposed(ctx: TaskContext) -> TaskOutcome:
    begin(ctx)
    await asyncio.sleep(ctx.payload.pause_s)
    return TaskOutcome(output=_story(ctx), changes={ctx.task.key: ctx.task.lease.generation})


async def _posted(ctx: TaskContext, approved: Any) -> TaskOutcome:
    begin(ctx)
    first = await ctx.outbox.append(ctx.idempotency_key, "drill", approved)
    return TaskOutcome(output={"posted": first})


@handler("drill.post", payload=Work, execute=_posted)
async def post(ctx: TaskContext) -> TaskOutcome:
    """Propose what is posted when the judge lets it through."""
    return await _proposed(ctx)


@handler("drill.publish", payload=Work, execute=_posted, review="always")
async def publish(ctx: TaskContext) -> TaskOutcome:
    """Propose what is posted when a person has approved it."""
    return await _proposed(ctx)


def _story(ctx: TaskContext) -> dict[str, str]:
    return {"name": ctx.task.key, "text": f"Three clear notes about {ctx.task.key}: measure, mend and measure again."}
