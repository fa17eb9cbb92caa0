"""Task kinds for whole-line tests. Each run notes itself in the file named by MARKS, which is how the tests count runs."""

import asyncio
import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from chimera_cli import TaskContext, TaskOutcome, handler

LOOK_AGAIN_S = 0.02
NASTY = "ring\x07 red\x1b[31m title\x1b]0;owned\x07 rtl\u202e null-ish\x01 line\nforged \U0001f642 é"


def mark(word: str, ctx: TaskContext) -> int:
    """Note this run, whole lines only, and say how often this task ran."""
    file, task = Path(os.environ["MARKS"]), ctx.task.lease.task_id
    with file.open("a") as stream:
        stream.write(f"{word} {task} {os.getpid()} {ctx.task.key}\n")
    return sum(line.split()[:2] == [word, task] for line in file.read_text().splitlines())


async def opened(gate: str) -> None:
    """Wait at a gate."""
    while not await asyncio.to_thread(Path(gate).exists):  # noqa: ASYNC110 - another process opens it
        await asyncio.sleep(LOOK_AGAIN_S)


@handler("mark", judged=False)
async def marked(ctx: TaskContext) -> TaskOutcome:
    """Take a moment."""
    mark("mark", ctx)
    await asyncio.sleep(ctx.payload.get("s", 0))
    return TaskOutcome(output={"i": ctx.payload.get("i")})


@handler("gated", judged=False)
async def gated(ctx: TaskContext) -> TaskOutcome:
    """Wait until the gate opens."""
    mark("gated", ctx)
    await opened(ctx.payload["gate"])
    return TaskOutcome(output="through")


@handler("other", judged=False)
async def other(ctx: TaskContext) -> TaskOutcome:
    """Be another kind."""
    mark("other", ctx)
    return TaskOutcome(output="other")


@handler("tally", judged=False)
async def tally(ctx: TaskContext) -> TaskOutcome:
    """Count one up in the goal's state."""
    mark("tally", ctx)
    await opened(ctx.payload["gate"])
    key = ctx.payload["counter"]
    now = await ctx.state.read(key) or 0
    await asyncio.sleep(ctx.payload["s"])
    return TaskOutcome(output=ctx.payload["i"], changes={key: now + 1})


async def listed(word: str, ctx: TaskContext) -> TaskOutcome:
    """Put this task's name on a list that tasks share."""
    mark(word, ctx)
    names = await ctx.state.read(word) or []
    return TaskOutcome(output={"name": ctx.task.key}, changes={word: [*names, ctx.task.key]})


@handler("merged", review="always")
async def merged(ctx: TaskContext) -> TaskOutcome:
    """Write to a shared key, with a way to merge."""
    return await listed("merged", ctx)


@merged.merge
def merge_names(current: dict[str, Any], output: Any) -> dict[str, Any]:
    """Put the approved name on the list as it is now."""
    return {"merged": [*(current["merged"] or []), output["name"]]}


@handler("remade", review="always")
async def remade(ctx: TaskContext) -> TaskOutcome:
    """Write to a shared key, without a way to merge."""
    return await listed("remade", ctx)


@handler("posted", review="always")
async def posted(ctx: TaskContext) -> TaskOutcome:
    """Propose a post that a person must see."""
    mark("proposed", ctx)
    return TaskOutcome(output={"text": ctx.task.key})


@posted.execute
async def post(ctx: TaskContext, approved: Any) -> TaskOutcome:
    """Have an effect outside."""
    mark("posted", ctx)
    await ctx.outbox.append(ctx.idempotency_key, "notes", approved)
    return TaskOutcome(output={"sent": True})


@handler("vague")
async def vague(ctx: TaskContext) -> TaskOutcome:
    """Say what the stand-in judge gives 0.6."""
    mark("vague", ctx)
    return TaskOutcome(output="Maybe do more stuff and see what happens next time.")


@handler("nasty", review="always")
async def nasty(ctx: TaskContext) -> TaskOutcome:
    """Say what must not reach a terminal."""
    ctx.log_event("nasty.said", NASTY, words=NASTY)
    return TaskOutcome(output={"text": NASTY, NASTY: 1})


@handler("healing", judged=False)
async def healing(ctx: TaskContext) -> TaskOutcome:
    """Fail for the first plan, and do well in the second."""
    mark("healing", ctx)
    if "-r" not in ctx.task.key:
        raise ValueError("not yet")
    return TaskOutcome(output="healed")


@handler("raising", judged=False)
async def raising(ctx: TaskContext) -> TaskOutcome:
    """Fail every time."""
    mark("raising", ctx)
    raise RuntimeError("the sky fell\x1b[31m on\nour heads")


@handler("hanging", judged=False, timeout=timedelta(seconds=0.3))
async def hanging(ctx: TaskContext) -> TaskOutcome:
    """Never come to an end."""
    await asyncio.Event().wait()
    return TaskOutcome()


@handler("blocking", judged=False, timeout=timedelta(seconds=0.3))
def blocking(ctx: TaskContext) -> TaskOutcome:
    """Sit in a thread for far longer than a test lasts."""
    time.sleep(600)
    return TaskOutcome()


@handler("no-json", judged=False)
async def no_json(ctx: TaskContext) -> TaskOutcome:
    """Return what JSON cannot hold."""
    return TaskOutcome(output={"when": object()})


@handler("nothing", judged=False)
async def nothing(ctx: TaskContext) -> Any:
    """Return no outcome."""
    return None


@handler("once-more", judged=False)
async def once_more(ctx: TaskContext) -> TaskOutcome:
    """Fail the first time."""
    if mark("once-more", ctx) == 1:
        raise ValueError("the first attempt fails on purpose")
    return TaskOutcome(output="well")


@handler("clocked", judged=False)
async def clocked(ctx: TaskContext) -> TaskOutcome:
    """Tell what time this process takes it to be."""
    mark("clocked", ctx)
    return TaskOutcome(output=time.time())


@handler("leaking", judged=False)
async def leaking(ctx: TaskContext) -> TaskOutcome:
    """Tell everything that this process knows in an error."""
    mark("leaking", ctx)
    known = await asyncio.to_thread(Path(".env").read_text)
    raise RuntimeError(f"cannot go on with {known}")


@handler("posting", judged=False)
async def posting(ctx: TaskContext) -> TaskOutcome:
    """Wait at a gate, whatever is cancelled meanwhile, then have an effect inside and one outside."""
    mark("begun", ctx)
    waiting = True
    while waiting:
        try:
            await opened(ctx.payload["gate"])
            waiting = False
        except asyncio.CancelledError:
            mark("stopped", ctx)
            if not ctx.payload.get("stubborn"):
                raise
    await ctx.outbox.append(f"by-{ctx.idempotency_key}", "test", {"by": ctx.task.key})
    mark("effect", ctx)
    return TaskOutcome(output="posted", changes={ctx.task.key: "posted"})


@handler("posting.thread", judged=False)
def posting_in_a_thread(ctx: TaskContext) -> TaskOutcome:
    """Do the same in a thread, which nobody can stop."""
    mark("begun", ctx)
    while not Path(ctx.payload["gate"]).exists():
        time.sleep(LOOK_AGAIN_S)
    mark("went-on", ctx)
    ctx.wait(ctx.outbox.append(f"by-{ctx.idempotency_key}", "test", {"by": ctx.task.key}))
    mark("effect", ctx)
    return TaskOutcome(output="posted", changes={ctx.task.key: "posted"})


@handler("reviewed", review="always")
async def reviewed(ctx: TaskContext) -> TaskOutcome:
    """Propose something that a person must see, and that has an effect."""
    mark("reviewed", ctx)
    return TaskOutcome(output={"text": "Fresh bread on Friday"}, changes={"proposed": ctx.task.key})


@reviewed.execute
async def perform(ctx: TaskContext, approved: Any) -> TaskOutcome:
    """Have the effect."""
    mark("performed", ctx)
    return TaskOutcome(output="performed")


@handler("mended", judged=False)
async def mended(ctx: TaskContext) -> TaskOutcome:
    """Fail until somebody opens the gate."""
    mark("mended", ctx)
    if not await asyncio.to_thread(Path(ctx.payload["gate"]).exists):
        raise ValueError("not yet")
    return TaskOutcome(output="well", changes={ctx.task.key: "well"})


@handler("gate-a-run", judged=False)
async def gate_a_run(ctx: TaskContext) -> TaskOutcome:
    """Wait at a gate of this run's own, then write which run it was."""
    run = mark("gate-a-run", ctx)
    await opened(f"{ctx.payload['gate']}-{run}")
    return TaskOutcome(output=run, changes={"run": run})
