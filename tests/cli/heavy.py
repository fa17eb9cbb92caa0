"""A task kind that computes in the event loop."""

import time

from chimera_cli import TaskContext, TaskOutcome, handler


@handler("heavy", judged=False)
async def heavy(ctx: TaskContext) -> TaskOutcome:
    """Take so many seconds of a processor without a pause."""
    until = time.process_time() + ctx.payload["s"]
    while time.process_time() < until:
        pass
    return TaskOutcome()
