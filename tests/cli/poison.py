"""Task kinds that end or block their whole process."""

import asyncio
import ctypes
import os
import time
from datetime import timedelta
from pathlib import Path

from chimera_cli import TaskContext, TaskOutcome, handler


def mark(word: str, ctx: TaskContext) -> None:
    """Note this run."""
    with Path(os.environ["MARKS"]).open("a") as stream:
        stream.write(f"{word} {ctx.task.lease.task_id} {os.getpid()} {ctx.task.key}\n")


@handler("exiting", judged=False)
async def exiting(ctx: TaskContext) -> TaskOutcome:
    """End the process after a moment, so that others are at work in it by then."""
    mark("exiting", ctx)
    await asyncio.sleep(ctx.payload["s"])
    os._exit(3)


@handler("blocking-loop", judged=False)
async def blocking_loop(ctx: TaskContext) -> TaskOutcome:
    """Block the event loop for far longer than a test lasts."""
    mark("blocking-loop", ctx)
    time.sleep(600)  # noqa: ASYNC251 - that is the point
    return TaskOutcome()


@handler("endless", judged=False, timeout=timedelta(seconds=0.5))
def endless(ctx: TaskContext) -> TaskOutcome:
    """Never come to an end, in a thread that nobody can kill."""
    mark("endless", ctx)
    while True:
        time.sleep(0.01)


@handler("holding-loop", judged=False)
async def holding_loop(ctx: TaskContext) -> TaskOutcome:
    """Hold the event loop until a gate opens, as a long import or a careless computation does."""
    mark("holding-loop", ctx)
    os.close(os.open(ctx.payload["gate"], os.O_RDONLY))  # A pipe, which opens when somebody opens its other end.
    return TaskOutcome()


@handler("holding-interpreter", judged=False)
async def holding_interpreter(ctx: TaskContext) -> TaskOutcome:
    """Hold the whole interpreter until a gate opens, as a call in C does that keeps Python's lock."""
    mark("holding-interpreter", ctx)
    ctypes.PyDLL(None).open(ctx.payload["gate"].encode(), os.O_RDONLY)
    return TaskOutcome()
