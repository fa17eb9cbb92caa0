"""What the record holds of tasks' effects outside the swarm."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from chimera_cli.adapters.postgres_sql import array_of
from chimera_cli.models.effect import Effect, Traces, effect_of
from chimera_cli.models.recovery import Loss
from chimera_cli.models.task import Task, TaskStatus

_TRACES = f"""
    SELECT tasks.id, tasks.status,
        EXISTS (SELECT FROM posts WHERE posts.idempotency_key = tasks.id || '\\:execute') AS stored,
        EXISTS (SELECT FROM events WHERE events.task_id = tasks.id AND events.phase = 'execute'
                AND events.status = 'RUNNING') AS begun,
        EXISTS (SELECT FROM events JOIN recoveries ON recoveries.shard = events.shard AND recoveries.at >= events.at
                WHERE events.task_id = tasks.id AND events.phase = 'execute'
                AND (recoveries.cause <> '{Loss.RESTARTED.value}'
                     OR recoveries.dispatched + recoveries.restored + recoveries.decisions > 0)) AS lost
    FROM tasks
"""  # nosec B608 # constants
OF_TASKS = text(f"{_TRACES} WHERE tasks.id = ANY(CAST(:ids AS text[]))")  # nosec B608 # constants
OF_GOAL = text(f"{_TRACES} WHERE tasks.goal_id = :goal_id AND tasks.status = 'CANCELLED'")  # nosec B608 # constants


async def with_effects(session: AsyncSession, tasks: Sequence[Task]) -> list[Task]:
    """Return the tasks with what is known of their effects."""
    # What is COMPLETED confirmed it; only the others need a look.
    asked = [task.id for task in tasks if task.status is not TaskStatus.COMPLETED]
    traces: dict[str, Traces] = {}
    if asked:
        rows = await (await session.connection()).execute(OF_TASKS, {"ids": array_of(asked)})
        traces = {row.id: Traces(row.stored, row.begun, row.lost) for row in rows}
    known = ((task, _effect(task.status, traces.get(task.id, Traces()))) for task in tasks)
    return [task if effect is None else task.model_copy(update={"effect": effect}) for task, effect in known]


async def of_cancelled(session: AsyncSession, goal_id: str) -> dict[Effect, int]:
    """Count what is known of the effects of a goal's cancelled tasks."""
    rows = await (await session.connection()).execute(OF_GOAL, {"goal_id": goal_id})
    found = (_effect(TaskStatus(row.status), Traces(row.stored, row.begun, row.lost)) for row in rows)
    return dict(Counter(effect for effect in found if effect is not None))


def _effect(status: TaskStatus, traces: Traces) -> Effect | None:
    return effect_of(traces, completed=status is TaskStatus.COMPLETED, ended=status.terminal)
