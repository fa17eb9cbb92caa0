"""Goals that were cancelled, seen through for a while, and what came of them in numbers that are true at the end."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta

from chimera_cli.models.cancelled import CancelledGoal
from chimera_cli.models.goal import Goal
from chimera_cli.models.task import TaskStatus
from chimera_cli.ports.clock import ClockPort
from chimera_cli.ports.reads import ReadsPort

ROUNDS_AT_ONCE = 2
"""Batches of tasks that are dispatched between two looks."""
PAUSE = timedelta(seconds=0.2)
"""Time between two looks, for others to take their turns."""
PATIENCE = timedelta(seconds=10)
"""How long goals are seen through unless more or less is asked for."""


async def see_through(
    obey: Callable[[int], Awaitable[None]],
    record: ReadsPort,
    goal_ids: Sequence[str],
    clock: ClockPort,
    patience: timedelta,
) -> None:
    """Go on carrying out the orders until no task of these goals is live, or patience ends.

    Nothing of a cancelled goal starts from the first moment on. This is about the count: tasks on their way into the queue end
    there, and a plan of 10,000 takes its time.

    Raises:
        BackendUnavailable: A store is away; housekeeping goes on when it is back.
    """
    loop, spent = asyncio.get_running_loop(), timedelta(0)
    while True:
        begun = loop.time()
        await obey(ROUNDS_AT_ONCE)
        live = sum([(await record.goal(id)).live for id in goal_ids])
        spent += timedelta(seconds=loop.time() - begun) + PAUSE
        if not live or spent >= patience:
            return
        await clock.sleep(PAUSE)


async def outcome(record: ReadsPort, before: Mapping[str, Goal]) -> list[CancelledGoal]:
    """Count what became of the tasks of cancelled goals.

    Args:
        record: What is asked.
        before: The goals as they were when the order was given, by id.
    """
    return [await _of(record, goal) for goal in before.values()]


async def _of(record: ReadsPort, before: Goal) -> CancelledGoal:
    goal = await record.goal(before.id)
    effects = await record.cancelled_effects(goal.id)
    earlier = before.counts.get(TaskStatus.CANCELLED, 0)
    cancelled = goal.counts.get(TaskStatus.CANCELLED, 0) - earlier
    total = sum(goal.counts.values())
    ended = total - goal.live - cancelled
    return CancelledGoal(
        goal_id=goal.id, tasks=total, cancelled=cancelled, ended_before=ended, live=goal.live, effects=effects
    )
