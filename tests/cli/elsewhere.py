"""A kind that the worker of these tests does not know."""

from chimera_cli import TaskContext, TaskOutcome, handler


@handler("unheard-of", judged=False)
async def unheard_of(ctx: TaskContext) -> TaskOutcome:
    """Never run."""
    return TaskOutcome()
