"""Task kinds that end or block their whole process."""

import asyncio
import os
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
