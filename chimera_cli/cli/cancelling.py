"""What cancelled tasks and goals came to: told when the orders were given and seen through."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chimera_cli.cli.terminal import Terminal

if TYPE_CHECKING:
    from chimera_cli.models.goal import Goal
    from chimera_cli.ports.orders import Ordered
    from chimera_cli.services.swarm import Swarm


async def cancelled_tasks(terminal: Terminal, swarm: "Swarm", ordered: "Ordered") -> dict[str, Any]:
    """Return where the tasks of these orders stand; says which effects have happened, and which may have."""
    from chimera_cli.models.effect import Effect

    tasks = [await swarm.record.task(order.task_id) for order in ordered.given]
    for task in tasks:
        if task.effect in (Effect.DONE, Effect.UNKNOWN):
            terminal.note(f"task {task.id} is {task.status}, effect {task.effect}")
    return {"tasks": [{"id": task.id, "status": task.status, "effect": task.effect} for task in tasks]}


async def cancelled_goals(
    terminal: Terminal, swarm: "Swarm", ordered: "Ordered", before: Mapping[str, "Goal"]
) -> dict[str, Any]:
    """Return what came of the tasks of these goals, and say it."""
    from chimera_cli.services.cancelling import outcome

    given = {order.goal_id: before[order.goal_id] for order in ordered.given}
    goals = await outcome(swarm.record, given)
    for goal in goals:
        terminal.note(goal.sentence)
    return {"goals": [goal.model_dump(mode="json") for goal in goals]}
