"""chimera itself, with its defaults; it has a Postgres beside the Redis, which records all that happens."""

import asyncio
import os
from collections.abc import Sequence
from uuid import uuid4

import noted

from chimera_cli import Swarm, TaskContext, TaskOutcome, connect, handler
from chimera_cli.models.goal import Goal
from chimera_cli.models.task import TaskSpec

WORKER = "python -m chimera_cli worker --count 8 --handlers chimera_jobs"
FLEET = "python -m chimera_cli worker --count {SLOTS} --handlers chimera_jobs"


@handler("slow", judged=False)
async def slow(ctx: TaskContext) -> TaskOutcome:
    """Take three seconds."""
    noted.note("start", ctx.task.key)
    await asyncio.sleep(3)
    noted.note("end", ctx.task.key)
    return TaskOutcome(output="slept")


@handler("poison", judged=False)
async def poison(ctx: TaskContext) -> TaskOutcome:
    """Take the process along."""
    noted.poison(ctx.task.key)
    return TaskOutcome()


@handler("noop", judged=False)
async def noop(ctx: TaskContext) -> TaskOutcome:
    """Leave a mark."""
    noted.mark(ctx.task.key)
    return TaskOutcome()


@handler("nap", judged=False)
async def nap(ctx: TaskContext) -> TaskOutcome:
    """Take a second."""
    await asyncio.sleep(1)
    noted.mark(ctx.task.key)
    return TaskOutcome()


@handler("blink", judged=False)
async def blink(ctx: TaskContext) -> TaskOutcome:
    """Take 50 ms."""
    await asyncio.sleep(noted.BLINK_S)
    noted.mark(ctx.task.key)
    return TaskOutcome()


@handler("draft")
async def draft(ctx: TaskContext) -> TaskOutcome:
    """Hand a text to the judges."""
    return TaskOutcome(output=noted.DRAFT)


def specs(kind: str, jobs: Sequence[str]) -> list[TaskSpec]:
    """Write a plan."""
    return [TaskSpec(key=job, kind=kind, title=job) for job in jobs]


async def one(swarm: Swarm, kind: str, job: str) -> None:
    """Submit a goal of one task by the steps of `Swarm.submit`, and mark the moment before the last: putting it into the queue."""
    goal = Goal(id=uuid4().hex, text=kind, created_at=await swarm.record.now())
    await swarm.record.submit(goal, specs(kind, [job]))
    async with swarm.record.dispatching() as waiting:
        for dispatch in waiting:
            noted.mark(dispatch.task.key, "QUEUED")
        await swarm.queue.push_tasks(waiting)


async def several(swarm: Swarm, kind: str, jobs: Sequence[str]) -> None:
    """Submit jobs in as many goals as were asked for."""
    goals = int(os.environ.get("GOALS", "1"))
    for first in range(goals):
        await swarm.submit(kind, specs(kind, jobs[first::goals]))


async def submit() -> None:
    """Enqueue jobs: all in few goals, or one goal each."""
    async with connect() as swarm:
        await swarm.orchestrator.reconcile()
        await noted.order_async(lambda kind, job: one(swarm, kind, job), lambda kind, jobs: several(swarm, kind, jobs))


if __name__ == "__main__":
    asyncio.run(submit())
