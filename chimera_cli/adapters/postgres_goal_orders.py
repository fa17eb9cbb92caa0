"""Orders about whole goals: to pause, to resume, to cancel."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from chimera_cli.adapters import order_sql, postgres_audit
from chimera_cli.adapters import postgres_ordering as ordering
from chimera_cli.exceptions import WrongState
from chimera_cli.models.goal import GoalStatus
from chimera_cli.models.order import OrderAction
from chimera_cli.ports.orders import Ordered

WRITES = {
    OrderAction.PAUSE: order_sql.PAUSE_GOAL,
    OrderAction.RESUME: order_sql.RESUME_GOAL,
    OrderAction.CANCEL: order_sql.CANCEL_GOAL,
}


async def order(
    connection: AsyncConnection, action: OrderAction, goal_ids: Sequence[str], *, operator: str, reason: str
) -> Ordered:
    """Give one order about each goal. The connection's transaction holds the record's lock."""
    goals = (await connection.execute(order_sql.LOCK_GOALS, {"ids": list(goal_ids)})).all()
    refused = tuple(error for goal in goals if (error := _refusal(goal, action)))
    given = [goal for goal in goals if _refusal(goal, action) is None]
    orders = await ordering.keep(
        connection, action, [(goal.id, "") for goal in given], operator=operator, reason=reason
    )
    for one in orders:
        values = {"id": one.goal_id, "seq": one.seq, "at": one.at, "operator": one.operator}
        await connection.execute(WRITES[action], values)
    await postgres_audit.append_orders(connection, orders)
    return Ordered(orders, refused)


def _refusal(goal: Row[Any], action: OrderAction) -> WrongState | None:
    ended = GoalStatus(goal.status).terminal
    # Also when the last task has ended meanwhile: whoever comes late is told who was first.
    if goal.cancelled_at is not None and (goal.status == GoalStatus.CANCELLED or not ended):
        status = ordering.by_whom("CANCELLED", goal.cancelled_by, goal.cancelled_at)
    elif ended:
        status = goal.status
    elif action is OrderAction.PAUSE and goal.paused_at is not None:
        status = ordering.by_whom("PAUSED", goal.paused_by, goal.paused_at)
    elif action is OrderAction.RESUME and goal.paused_at is None:
        status = f"{goal.status} and not paused,"
    else:
        return None
    return WrongState("goal", goal.id, status, action.past)
