"""Persisted tasks on their way into the queue, each with all that the queue needs to know of it."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from chimera_cli.adapters import postgres_sql as sql
from chimera_cli.adapters import postgres_turns as turns
from chimera_cli.adapters.row import LIVE
from chimera_cli.adapters.rows import GoalRow, TaskRow, persona_of
from chimera_cli.models.delivery import Dependency, Dispatch
from chimera_cli.models.identity import task_id
from chimera_cli.models.task import TaskStatus


async def undispatched(session: AsyncSession, limit: int) -> list[Dispatch]:
    """Return the first tasks, in the order of submission, that are not in the queue yet; the caller holds the lock."""
    waiting = select(TaskRow).where(col(TaskRow.dispatched_at).is_(None), text(LIVE)).order_by(col(TaskRow.position))
    tasks = (await session.exec(waiting.limit(limit))).all()
    if not tasks:
        return []
    goals = await _goals(session, {task.goal_id for task in tasks})
    dependencies = await _dependencies(session, tasks)
    turn = await turns.number(await session.connection())
    return [_dispatch(task, goals[task.goal_id], dependencies, turn) for task in tasks]


async def mark(session: AsyncSession, dispatches: Sequence[Dispatch]) -> None:
    """Note that these tasks are in the queue."""
    connection = await session.connection()
    await connection.execute(sql.MARK_DISPATCHED, {"ids": [dispatch.task.id for dispatch in dispatches]})


def _dispatch(task: TaskRow, goal: GoalRow, known: Mapping[str, Dependency], turn: int) -> Dispatch:
    return Dispatch(
        task=task.noun(),
        goal=goal.text,
        persona=persona_of(goal.persona),
        dependencies=tuple(
            known.get(id) or _missing(id, key) for key in task.depends_on for id in [task_id(task.goal_id, key)]
        ),
        turn=turn,
    )


def _missing(id: str, key: str) -> Dependency:
    """Stand in for a dependency that nobody stored: what waits for it is cancelled, it would wait for ever."""
    return Dependency(id=id, key=key, status=TaskStatus.CANCELLED)


async def _goals(session: AsyncSession, ids: Iterable[str]) -> dict[str, GoalRow]:
    rows = await session.exec(select(GoalRow).where(col(GoalRow.id) == sql.any_of(list(ids))))
    return {row.id: row for row in rows}


async def _dependencies(session: AsyncSession, tasks: Iterable[TaskRow]) -> dict[str, Dependency]:
    ids = {task_id(task.goal_id, key) for task in tasks for key in task.depends_on}
    if not ids:
        return {}
    rows = await session.exec(select(TaskRow).where(col(TaskRow.id) == sql.any_of(list(ids))))
    return {row.id: row.dependency() for row in rows}
