"""Which orders would be refused, told from what the record shows: so that only what would change is counted and asked about.

The record decides anew, and for good, when the order is given.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chimera_cli.exceptions import WrongState

if TYPE_CHECKING:
    from chimera_cli.models.goal import Goal
    from chimera_cli.models.order import OrderAction
    from chimera_cli.models.task import Task
    from chimera_cli.ports.record import RecordPort


def goals_apart(goals: "Sequence[Goal]", action: "OrderAction") -> "tuple[list[Goal], list[WrongState]]":
    """Part the goals that an order would change from those of which it would be refused, with the reason."""
    refused = {goal.id: _goal_refusal(goal, action) for goal in goals}
    return [goal for goal in goals if refused[goal.id] is None], [error for error in refused.values() if error]


async def tasks_apart(
    record: "RecordPort", tasks: "Sequence[Task]", action: "OrderAction"
) -> "tuple[list[Task], list[WrongState]]":
    """Do the same for tasks; to retry one its goal must not be cancelled."""
    retry = action.value == "retry"
    goals = {id: await record.goal(id) for id in dict.fromkeys(task.goal_id for task in tasks)} if retry else {}
    refused = {task.id: _task_refusal(task, action, goals.get(task.goal_id)) for task in tasks}
    return [task for task in tasks if refused[task.id] is None], [error for error in refused.values() if error]


def _goal_refusal(goal: "Goal", action: "OrderAction") -> WrongState | None:
    paused = goal.paused_at is not None
    if goal.status.terminal:
        status = goal.status.value
    elif goal.cancelled_at is not None:
        status = f"CANCELLED by {goal.cancelled_by}"
    elif action.value == "pause" and paused:
        status = f"{goal.status} and paused by {goal.paused_by}"
    elif action.value == "resume" and not paused:
        status = f"{goal.status} and not paused,"
    else:
        return None
    return WrongState("goal", goal.id, status, action.past)


def _task_refusal(task: "Task", action: "OrderAction", goal: "Goal | None") -> WrongState | None:
    from chimera_cli.models.task import RETRIED

    if action.value == "cancel":
        return WrongState("task", task.id, task.status, action.past) if task.status.terminal else None
    if goal is not None and goal.cancelled_at is not None:
        return WrongState("goal", goal.id, f"CANCELLED by {goal.cancelled_by}", "worked on again")
    if task.status in RETRIED:
        return None
    ended = "" if task.status.terminal else " and has not ended,"
    return WrongState("task", task.id, f"{task.status}{ended}", action.past)
