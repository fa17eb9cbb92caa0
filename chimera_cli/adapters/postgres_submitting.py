"""Plans into the record: a goal with its tasks, more tasks for a live one, tasks in place of failed ones."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from chimera_cli.adapters import postgres_sql as sql
from chimera_cli.adapters.postgres_batches import batches, rows_of
from chimera_cli.adapters.row import json_text, plain
from chimera_cli.adapters.rows import task_values
from chimera_cli.exceptions import InvalidPlan, NotFound, QueueFull, WrongState
from chimera_cli.models.goal import Goal, GoalStatus
from chimera_cli.models.identity import task_id
from chimera_cli.models.task import TaskSpec


async def submit(connection: AsyncConnection, goal: Goal, tasks: Iterable[TaskSpec], *, max_queued: int) -> bool:
    """Store a goal with its tasks as they come; False when its id is known.

    Raises:
        InvalidPlan: There are no tasks, or two have the same key.
        QueueFull: More than `max_queued` tasks would wait for their first run.
    """
    values = {
        "id": goal.id,
        "text": plain(goal.text),
        "status": goal.status.value,
        "persona": json_text(goal.persona.model_dump(mode="json")) if goal.persona else None,
        "max_replans": goal.max_replans,
        "replans": goal.replans,
        "created_at": goal.created_at,
    }
    if (await connection.execute(sql.INSERT_GOAL, values)).one_or_none() is None:
        return False
    await check_room(connection, max_queued, adding=1)
    given, added = await _insert(connection, goal.id, tasks, goal.created_at, max_queued=max_queued)
    if not given:
        raise InvalidPlan(["the plan has no tasks"])
    if added != given:
        raise InvalidPlan(["a task key is used twice"])
    await _take_room(connection, max_queued)
    return True


async def add(connection: AsyncConnection, goal_id: str, tasks: Sequence[TaskSpec], *, max_queued: int) -> list[str]:
    """Store more tasks for a live goal and return the ids of all given.

    Raises:
        NotFound: No such goal.
        WrongState: The goal takes no more tasks.
        QueueFull: More than `max_queued` tasks would wait for their first run.
    """
    goal = (await connection.execute(sql.LOCK_GOAL, {"id": goal_id})).one_or_none()
    if goal is None:
        raise NotFound("goal", goal_id)
    ids = [task_id(goal_id, spec.key) for spec in tasks]
    if GoalStatus(goal.status).terminal:
        # A caller that was not sure whether its call arrived may repeat it at any time.
        known = (await connection.execute(sql.COUNT_KNOWN, {"ids": ids})).scalar_one()
        if known == len(set(ids)):
            return ids
        raise WrongState("goal", goal_id, goal.status, "given more tasks")
    if goal.cancelled_at is not None:
        raise WrongState("goal", goal_id, f"cancelled by {goal.cancelled_by}", "given more tasks")
    now = (await connection.execute(sql.NOW)).scalar_one()
    _, added = await _insert(connection, goal_id, tasks, now)
    if added:
        await connection.execute(sql.REVIVE_GOAL, {"id": goal_id})
        await _take_room(connection, max_queued)
    return ids


async def replan(connection: AsyncConnection, goal_id: str, replans: int, tasks: Sequence[TaskSpec]) -> bool:
    """Add tasks to a REPLANNING goal if it was replanned as often as the caller saw; give the goal up when none is new.

    A goal that was paused meanwhile stays as it is.
    """
    goal = (await connection.execute(sql.LOCK_GOAL, {"id": goal_id})).one_or_none()
    if goal is None or goal.status != GoalStatus.REPLANNING or goal.replans != replans:
        return False
    if goal.paused_at is not None:
        return False
    now = (await connection.execute(sql.NOW)).scalar_one()
    _, added = await _insert(connection, goal_id, tasks, now)
    if added:
        await connection.execute(sql.FORGIVE_TASKS, {"id": goal_id})
    await connection.execute(sql.REPLAN_GOAL if added else sql.GIVE_UP_GOAL, {"id": goal_id})
    return True


async def check_room(connection: AsyncConnection, max_queued: int, *, adding: int = 0) -> None:
    """Compare what waits for its first run, and `adding` more, with the limit; 0 is none.

    Raises:
        QueueFull: It is too much.
    """
    if max_queued:
        waiting = (await connection.execute(sql.COUNT_NOT_STARTED)).scalar_one()
        if waiting + adding > max_queued:
            raise QueueFull(waiting + adding, max_queued)


async def _take_room(connection: AsyncConnection, max_queued: int) -> None:
    """Check again with the new tasks counted. One transaction at a time is between here and its commit, so of two that fit only
    one by one, one is refused."""
    if max_queued:
        await connection.execute(sql.LOCK, {"lock": sql.ROOM_LOCK})
        await check_room(connection, max_queued)


async def _insert(
    connection: AsyncConnection, goal_id: str, tasks: Iterable[TaskSpec], now: datetime, *, max_queued: int = 0
) -> tuple[int, int]:
    """Insert tasks in bounded batches; returns how many were given and how many of them were new.

    Raises:
        QueueFull: They are more than `max_queued` by themselves; the rest is not even read.
    """
    given = added = 0
    for batch in batches(task_values(spec, goal_id, now) for spec in tasks):
        given += len(batch)
        added += (await connection.execute(sql.INSERT_TASKS, rows_of(batch))).rowcount
        if 0 < max_queued < added:
            raise QueueFull(added, max_queued, alone=True)
    await connection.execute(sql.COUNT_SUBMITTED, {"id": goal_id, "added": added})
    return given, added
