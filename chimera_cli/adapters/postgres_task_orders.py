"""Orders about single tasks: to cancel live ones, and to put back those that ended badly."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import to_json
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from chimera_cli.adapters import order_sql, postgres_audit
from chimera_cli.adapters import postgres_ordering as ordering
from chimera_cli.adapters import postgres_sql as sql
from chimera_cli.adapters.postgres_batches import rows_of
from chimera_cli.adapters.row import json_text
from chimera_cli.exceptions import WrongState
from chimera_cli.models.identity import task_id
from chimera_cli.models.order import TOO_LATE, Order, OrderAction
from chimera_cli.models.task import RETRIED, TaskStatus
from chimera_cli.ports.orders import Ordered

RECORD_SHARD = 1_000_000
"""The number, above that of any shard, under which events stand that the record itself brought about."""


async def cancel(connection: AsyncConnection, ids: Sequence[str], operator: str, reason: str) -> Ordered:
    """Order to cancel tasks. The connection's transaction holds the record's lock."""
    tasks = (await connection.execute(order_sql.TASKS_TO_ORDER, {"ids": list(ids)})).all()
    refused = {task.id: _no_cancel(task) for task in tasks}
    return await _give(connection, OrderAction.CANCEL, tasks, refused=refused, said=(operator, reason))


async def retry(connection: AsyncConnection, ids: Sequence[str], operator: str, reason: str) -> Ordered:
    """Put tasks back that ended badly. The connection's transaction holds the record's lock."""
    tasks = (await connection.execute(order_sql.TASKS_TO_ORDER, {"ids": list(ids)})).all()
    await connection.execute(order_sql.LOCK_GOALS, {"ids": sorted({task.goal_id for task in tasks})})
    refused = {task.id: _no_retry(task) for task in tasks}
    standing = await _standing(connection, [task.goal_id for task in tasks])
    refused |= {task.id: refused[task.id] or _doomed(task, standing, refused) for task in tasks}
    return await _give(connection, OrderAction.RETRY, tasks, refused=refused, said=(operator, reason))


async def dependents(connection: AsyncConnection, ids: Sequence[str]) -> list[str]:
    """List the cancelled tasks, in the order of submission, that could run again if these ones did."""
    tasks = (await connection.execute(order_sql.TASKS_TO_ORDER, {"ids": list(ids)})).all()
    standing = await _standing(connection, [task.goal_id for task in tasks])
    freed = set(ids)
    while more := {
        id
        for id, task in standing.items()
        if id not in freed and task.status == TaskStatus.CANCELLED and not _blocked(task, standing, freed)
        if any(task_id(task.goal_id, key) in freed for key in task.depends_on)
    }:
        freed |= more
    return [id for id in standing if id in freed.difference(ids)]


async def _give(
    connection: AsyncConnection,
    action: OrderAction,
    tasks: Sequence[Row[Any]],
    *,
    refused: Mapping[str, WrongState | None],
    said: tuple[str, str],
) -> Ordered:
    given = {task.id: task for task in tasks if refused[task.id] is None}
    subjects = [(task.goal_id, task.id) for task in given.values()]
    orders = await ordering.keep(connection, action, subjects, operator=said[0], reason=said[1])
    if action is OrderAction.RETRY and orders:
        await _put_back(connection, given, orders)
    await postgres_audit.append_orders(connection, orders)
    return Ordered(orders, tuple(error for error in refused.values() if error is not None))


def _no_cancel(task: Row[Any]) -> WrongState | None:
    ordered = task.last_action == OrderAction.CANCEL and not task.last_note
    ended = TaskStatus(task.status).terminal
    if not ended and not ordered:
        return None
    status = task.status
    if status == TaskStatus.CANCELLED or not ended:
        if ordered:
            status = ordering.by_whom("CANCELLED", task.last_operator, task.last_at)
        elif task.cancelled_at is not None:
            status = ordering.by_whom("CANCELLED, as is its goal,", task.cancelled_by, task.cancelled_at)
    return WrongState("task", task.id, status, "cancelled")


def _no_retry(task: Row[Any]) -> WrongState | None:
    if task.cancelled_at is not None:
        goal = ordering.by_whom("CANCELLED", task.cancelled_by, task.cancelled_at)
        return WrongState("goal", task.goal_id, goal, "worked on again")
    if TaskStatus(task.status) not in RETRIED:
        return WrongState("task", task.id, task.status, "retried")
    return None


def _doomed(
    task: Row[Any], standing: Mapping[str, Row[Any]], refused: Mapping[str, WrongState | None]
) -> WrongState | None:
    blocked = _blocked(task, standing, {id for id, error in refused.items() if error is None})
    if not blocked:
        return None
    status = f"{task.status}, depends on {blocked}, which ended badly too,"
    return WrongState("task", task.id, status, "retried without it")


def _blocked(task: Row[Any], standing: Mapping[str, Row[Any]], freed: set[str]) -> str:
    """Name a dependency for which the task would be cancelled again."""
    for key in task.depends_on:
        id = task_id(task.goal_id, key)
        if id not in freed and (id not in standing or TaskStatus(standing[id].status) in RETRIED):
            return str(key)
    return ""


async def _standing(connection: AsyncConnection, goal_ids: Sequence[str]) -> dict[str, Row[Any]]:
    """Return the tasks of goals, by id, in the order of submission."""
    rows = await connection.execute(order_sql.TASKS_OF_GOALS, {"ids": sorted(set(goal_ids))})
    return {row.id: row for row in rows}


async def _put_back(connection: AsyncConnection, tasks: Mapping[str, Row[Any]], orders: Sequence[Order]) -> None:
    """Have the record show the tasks as live again, with one event each, and older orders as late."""
    await connection.execute(order_sql.CLOSE_CANCELS, {"ids": list(tasks), "note": TOO_LATE})
    await connection.execute(order_sql.PUT_BACK, {"ids": list(tasks)})
    told = (_event(tasks[order.task_id], order) for order in orders)
    await connection.execute(sql.INSERT_EVENTS, rows_of(map(to_json, told)))
    for goal_id, seq in {order.goal_id: order.seq for order in orders}.items():
        ends = Counter[str]()
        for task in tasks.values():
            if task.goal_id == goal_id:
                cancelled = task.status == TaskStatus.CANCELLED
                ends.update(["cancelled" if cancelled else "failed"] + ["forgiven"] * task.forgiven)
        counts = {name: ends[name] for name in ("failed", "cancelled", "forgiven")}
        await connection.execute(order_sql.TAKE_BACK_ENDS, {"id": goal_id, "seq": seq, **counts})


def _event(task: Row[Any], order: Order) -> dict[str, object]:
    return {
        "shard": RECORD_SHARD,
        "entry_id": f"{int(order.at.timestamp() * 1000)}-{order.seq}",
        "at": order.at,
        "name": "task.retried",
        "task_id": task.id,
        "goal_id": task.goal_id,
        "status": TaskStatus.PENDING.value,
        "phase": "propose",
        "version": task.version + 1,
        "generation": task.generation,
        "attempts": 0,
        "agent": order.operator,
        "output": None,
        "changes": json.dumps([]),
        "error": order.why,
        "data": json_text({}),
    }
