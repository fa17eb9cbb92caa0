"""The task kinds that a simulation adds to the plan, written as a user would write them: each provokes one thing."""

import asyncio

from chimera_cli import TaskContext, TaskOutcome, handler
from chimera_cli.models.noun import Noun

HOSTAGE_WAITS_S = 60.0
"""How long a hostage waits to be killed before it gives up waiting."""


class Pause(Noun):
    """How long a task takes."""

    pause_s: float = 0.0
    """Seconds between reading and writing."""


@handler("sim.tally", judged=False, payload=Pause)
async def tally(ctx: TaskContext) -> TaskOutcome:
    """Add one to a key that others add to at the same time: whoever is second begins again."""
    seen = await ctx.state.read("tally") or 0
    await asyncio.sleep(ctx.payload.pause_s)
    return TaskOutcome(output={"seen": seen}, changes={"tally": seen + 1})


@handler("sim.flaky", judged=False)
async def flaky(ctx: TaskContext) -> TaskOutcome:
    """Fail the first time."""
    if ctx.task.attempt == 1:
        raise RuntimeError("the first attempt fails on purpose")
    return TaskOutcome(output={"attempt": ctx.task.attempt}, changes={ctx.task.key: ctx.task.attempt})


@handler("sim.hostage", judged=False)
async def hostage(ctx: TaskContext) -> TaskOutcome:
    """Wait, when claimed for the first time, for the process to be killed; whoever takes over goes on at once."""
    generation = ctx.task.lease.generation
    if generation == 1:
        await asyncio.sleep(HOSTAGE_WAITS_S)
    return TaskOutcome(output={"generation": generation}, changes={ctx.task.key: generation})


@handler("sim.step", judged=False, payload=Pause)
async def step(ctx: TaskContext) -> TaskOutcome:
    """Take a moment and write a key of its own, which conflicts with nobody."""
    await asyncio.sleep(ctx.payload.pause_s)
    return TaskOutcome(output={"key": ctx.task.key}, changes={ctx.task.key: ctx.task.attempt})
