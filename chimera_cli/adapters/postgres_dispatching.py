"""Persisted tasks on their way into the queue, each with all that the queue needs to know of it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import cast

import sqlalchemy
from sqlalchemy import func, text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from chimera_cli.adapters import order_sql
from chimera_cli.adapters import postgres_epochs as epochs
from chimera_cli.adapters import postgres_past as pasts
from chimera_cli.adapters import postgres_sql as sql
from chimera_cli.adapters import postgres_turns as turns
from chimera_cli.adapters.event_rows import StateRow
from chimera_cli.adapters.order_rows import OrderRow
from chimera_cli.adapters.postgres_away import elsewhere
from chimera_cli.adapters.postgres_sizes import Page, first_page
from chimera_cli.adapters.row import LIVE
from chimera_cli.adapters.rows import GoalRow, TaskRow, persona_of
from chimera_cli.models.away import Away
from chimera_cli.models.delivery import Dependency, Dispatch
from chimera_cli.models.identity import task_id
from chimera_cli.models.order import OrderAction
from chimera_cli.models.past import Past
from chimera_cli.models.result import VersionedValue
from chimera_cli.models.task import TaskStatus


async def undispatched(session: AsyncSession, limit: int, away: Away) -> list[Dispatch]:
    """Return the first tasks, in the order of submission, that are not in the queue yet, but none of shards that are away; the
    caller holds the lock."""
    waiting = select(TaskRow.id).where(col(TaskRow.dispatched_at).is_(None), text(LIVE))
    waiting = waiting.where(*elsewhere(col(TaskRow.goal_id), away)).order_by(col(TaskRow.position))
    ids = (await session.exec(waiting.limit(limit))).all()
    if not ids:
        return []
    connection = await session.connection()
    page = await first_page(connection, ids)
    return await with_all(session, page, await tasks_of(session, page), await turns.number(connection))


async def tasks_of(session: AsyncSession, page: Page) -> Sequence[TaskRow]:
    """Read the tasks of a page, in the order of submission: plain rows, which have the columns of a TaskRow, so that `TaskRow.noun`
    reads them, and no methods. To make objects of the ORM that nobody changes took a third of a dispatcher's time."""
    connection, columns = await session.connection(), TaskRow.metadata.tables["tasks"].c
    asked = sqlalchemy.select(*columns).where(columns.id == sql.any_of(list(page.ids))).order_by(columns.position)
    return cast(Sequence[TaskRow], (await connection.execute(asked)).all())


async def with_all(session: AsyncSession, page: Page, tasks: Sequence[TaskRow], turn: int) -> list[Dispatch]:
    """Return a page's tasks with their goals and how their dependencies stand, under the turn of whoever holds the lock."""
    goals = await _goals(session, {task.goal_id for task in tasks})
    dependencies = await _dependencies(session, tasks, page.oversized)
    current = await epochs.read(await session.connection())
    cancelled, states = await _orders(session, tasks, goals), await _states(session, tasks)
    lives = await _lives(session, tasks)
    handed = await pasts.handed(await session.connection(), [task.id for task in tasks if task.version > 0])
    personas = {goal.id: persona_of(goal.persona) for goal in goals.values()}
    return [
        Dispatch(
            task=TaskRow.noun(task),
            goal=goals[task.goal_id].text,
            persona=personas[task.goal_id],
            dependencies=_needed(task, dependencies),
            turn=turn,
            epochs=current,
            paused=goals[task.goal_id].paused_at is not None,
            ordered=goals[task.goal_id].ordered,
            cancelled=cancelled.get(task.id, ""),
            state=states.get(task.goal_id, {}),
            life=lives.get(task.id, 0),
            past=Past(handed=handed.get(task.id, {})),
        )
        for task in tasks
    ]


async def mark(session: AsyncSession, dispatches: Sequence[Dispatch]) -> None:
    """Note that these tasks are in the queue."""
    connection = await session.connection()
    ids = [dispatch.task.id for dispatch in dispatches]
    await connection.execute(sql.MARK_DISPATCHED, {"ids": sql.array_of(ids)})
    await connection.execute(order_sql.CLOSE_RETRIES, {"ids": sql.array_of(ids)})


def _needed(task: TaskRow, known: Mapping[tuple[str, str], Dependency]) -> tuple[Dependency, ...]:
    ids = [(task_id(task.goal_id, key), key) for key in task.depends_on]
    return tuple(known.get((task.id, id)) or _missing(id, key) for id, key in ids)


def _missing(id: str, key: str) -> Dependency:
    """Stand in for a dependency that nobody stored: what waits for it is cancelled, it would wait for ever."""
    return Dependency(id=id, key=key, status=TaskStatus.CANCELLED)


async def _goals(session: AsyncSession, ids: Iterable[str]) -> dict[str, GoalRow]:
    rows = await session.exec(select(GoalRow).where(col(GoalRow.id) == sql.any_of(list(ids))))
    return {row.id: row for row in rows}


async def _orders(session: AsyncSession, tasks: Sequence[TaskRow], goals: Mapping[str, GoalRow]) -> dict[str, str]:
    """Say why tasks end as soon as they arrive, by their ids: they, or their goals, were cancelled on the way."""
    open = col(OrderRow.done_at).is_(None), OrderRow.action == OrderAction.CANCEL.value
    asked = select(OrderRow).where(col(OrderRow.task_id) == sql.any_of([task.id for task in tasks]), *open)
    found = {row.task_id: row.noun().why for row in await session.exec(asked)}
    by_goal = {
        goal.id: f"its goal was cancelled by {goal.cancelled_by}" for goal in goals.values() if goal.cancelled_at
    }
    return {task.id: by_goal[task.goal_id] for task in tasks if task.goal_id in by_goal} | found


async def _lives(session: AsyncSession, tasks: Iterable[TaskRow]) -> dict[str, int]:
    """Return the number of the order by which each task was put back last; one in its first life is absent."""
    past = [task for task in tasks if task.version > 0]
    if not past:
        return {}
    asked = select(OrderRow.task_id, func.max(OrderRow.seq)).where(OrderRow.action == OrderAction.RETRY.value)
    asked = asked.where(col(OrderRow.goal_id) == sql.any_of(sorted({task.goal_id for task in past})))
    asked = asked.where(col(OrderRow.task_id) == sql.any_of([task.id for task in past]))
    return dict((await session.exec(asked.group_by(col(OrderRow.task_id)))).all())


async def _states(session: AsyncSession, tasks: Iterable[TaskRow]) -> dict[str, dict[str, VersionedValue]]:
    """Return the state of goals that tasks are put back into, by goal."""
    goal_ids = {task.goal_id for task in tasks if task.version > 0 or task.dispatched_at is not None}
    found: dict[str, dict[str, VersionedValue]] = {}
    if goal_ids:
        for row in await session.exec(select(StateRow).where(col(StateRow.goal_id) == sql.any_of(sorted(goal_ids)))):
            found.setdefault(row.goal_id, {})[row.key] = row.noun()
    return found


async def _dependencies(
    session: AsyncSession, tasks: Iterable[TaskRow], oversized: Collection[str]
) -> dict[tuple[str, str], Dependency]:
    """Return how dependencies stand, by the id of the task and that of the dependency."""
    needs = {(task.id, task_id(task.goal_id, key)) for task in tasks for key in task.depends_on}
    known = {id for _, id in needs}
    if not known:
        return {}
    connection, columns = await session.connection(), TaskRow.metadata.tables["tasks"].c
    stands = sqlalchemy.select(columns.id, columns.key, columns.status, columns.version)
    rows = {row.id: row for row in await connection.execute(stands.where(columns.id == sql.any_of(sorted(known))))}
    sent = sorted({id for task, id in needs if task not in oversized})
    asked = sqlalchemy.select(columns.id, columns.output).where(columns.id == sql.any_of(sent))
    asked = asked.where(columns.status == TaskStatus.COMPLETED.value)
    outputs = {row.id: row.output for row in await connection.execute(asked)}
    return {
        (task, id): Dependency(
            id=id,
            key=row.key,
            status=TaskStatus(row.status),
            version=row.version,
            output=None if task in oversized else outputs.get(id),
            withheld=task in oversized,
        )
        for task, id in needs
        if (row := rows.get(id))
    }
