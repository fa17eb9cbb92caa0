"""The task kind of the recovery benchmark."""

import asyncio

from chimera_cli import TaskContext, TaskOutcome, handler


@handler("nap", judged=False)
async def nap(ctx: TaskContext) -> TaskOutcome:
    """Sleep for the given seconds."""
    await asyncio.sleep(ctx.payload["s"])
    return TaskOutcome(output="slept")
