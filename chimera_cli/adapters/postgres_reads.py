"""What the record answers when asked; each answer is one snapshot, and no reader waits for a writer."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from sys import intern

import sqlalchemy
from sqlalchemy import func, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from chimera_cli.adapters import postgres_effects as effects
from chimera_cli.adapters import postgres_sql as sql
from chimera_cli.adapters.event_rows import EventRow, StateRow
from chimera_cli.adapters.postgres_errors import postgres_errors
from chimera_cli.adapters.postgres_transaction import SNAPSHOT
from chimera_cli.adapters.recovery_rows import RecoveryRow
from chimera_cli.adapters.review_rows import CardRow
from chimera_cli.adapters.row import LIVE
from chimera_cli.adapters.rows import GoalRow, TaskRow
from chimera_cli.exceptions import AmbiguousId, NotFound, ReviewCardNotFound
from chimera_cli.models.effect import Effect
from chimera_cli.models.event import TaskEvent
from chimera_cli.models.goal import Goal, GoalStatus, Ledger
from chimera_cli.models.identity import ID_LENGTH
from chimera_cli.models.recovery import Recovery, together
from chimera_cli.models.release import NOT_VOUCHED
from chimera_cli.models.result import VersionedValue
from chimera_cli.models.task import PlannedTask, Priority, Task, TaskStatus

SHORTEST = 4
"""Characters of an id that are enough to ask for it."""
PREFIX = re.compile(rf"[0-9a-f]{{{SHORTEST},{ID_LENGTH}}}")
"""What may be the beginning of an id."""
AFTER_HEX = "g"
"""Sorts after every id that continues a prefix."""
MOST_SHARDS = 64
"""Shards of a swarm that one interruption may concern, at most so many are summed up."""
CANDIDATES = 10
"""So many fitting ids are named when a prefix is ambiguous."""
ID_COLUMNS = {"goal": GoalRow.id, "task": TaskRow.id, "review card": CardRow.id}


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    """Open one snapshot of the database."""
    snapshot = engine.execution_options(**{SNAPSHOT: True})
    with postgres_errors():
        async with AsyncSession(snapshot) as session:
            yield session


class PostgresReads:
    """Implements ReadsPort. The engine belongs to whoever made it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def goal(self, goal_id: str) -> Goal:
        """Return a goal with its counts. Raises NotFound."""
        async with reading(self._engine) as session:
            row = await session.get(GoalRow, goal_id)
            if row is None:
                raise NotFound("goal", goal_id)
            return (await with_counts(session, [row]))[0]

    async def goals(self, *, status: GoalStatus | None = None, limit: int = 50) -> list[Goal]:
        """List goals, newest first; limit 0 means all."""
        asked = select(GoalRow).order_by(col(GoalRow.created_at).desc(), col(GoalRow.id).desc()).limit(limit or None)
        if status is not None:
            asked = asked.where(GoalRow.status == status.value)
        async with reading(self._engine) as session:
            return await with_counts(session, (await session.exec(asked)).all())

    async def paused(self) -> list[Goal]:
        """List the goals that are paused, the first paused first."""
        asked = select(GoalRow).where(col(GoalRow.paused_at).is_not(None)).order_by(col(GoalRow.paused_at))
        async with reading(self._engine) as session:
            return await with_counts(session, (await session.exec(asked)).all())

    async def task(self, task_id: str) -> Task:
        """Return a task. Raises NotFound."""
        async with reading(self._engine) as session:
            row = await session.get(TaskRow, task_id)
            if row is None:
                raise NotFound("task", task_id)
            return (await effects.with_effects(session, [row.noun()]))[0]

    async def tasks(
        self, *, goal_id: str | None = None, status: TaskStatus | None = None, limit: int = 50
    ) -> list[Task]:
        """List tasks in the order they were submitted; limit 0 means all."""
        asked = select(TaskRow).order_by(col(TaskRow.position)).limit(limit or None)
        if goal_id is not None:
            asked = asked.where(TaskRow.goal_id == goal_id)
        if status is not None:
            asked = asked.where(TaskRow.status == status.value)
        async with reading(self._engine) as session:
            return await effects.with_effects(session, [row.noun() for row in await session.exec(asked)])

    async def cancelled_effects(self, goal_id: str) -> dict[Effect, int]:
        """Count what is known of the effects of a goal's cancelled tasks."""
        async with reading(self._engine) as session:
            return await effects.of_cancelled(session, goal_id)

    async def plan(self, goal_id: str) -> list[PlannedTask]:
        """List all tasks of a goal in the order they were submitted, as far as a plan shows them."""
        columns = TaskRow.metadata.tables["tasks"].c
        asked = sqlalchemy.select(*(columns[name] for name in PlannedTask._fields)).where(columns.goal_id == goal_id)
        async with reading(self._engine) as session:
            rows = await (await session.connection()).execute(asked.order_by(columns.position))
            return [
                PlannedTask(id, key, intern(kind), title, tuple(needs), Priority(priority), TaskStatus(status))
                for id, key, kind, title, needs, priority, status in rows
            ]

    async def keys(self, goal_id: str) -> list[str]:
        """List the keys of a goal's tasks."""
        async with reading(self._engine) as session:
            asked = select(TaskRow.key).where(TaskRow.goal_id == goal_id).order_by(col(TaskRow.position))
            return list(await session.exec(asked))

    async def history(self, *, goal_id: str, task_id: str | None = None, limit: int = 0) -> list[TaskEvent]:
        """List recorded events of a goal, or of one of its tasks, in order; limit 0 means all."""
        asked = select(EventRow).where(EventRow.goal_id == goal_id).order_by(col(EventRow.seq)).limit(limit or None)
        if task_id is not None:
            asked = asked.where(EventRow.task_id == task_id)
        async with reading(self._engine) as session:
            return [row.noun() for row in await session.exec(asked)]

    async def state(self, goal_id: str) -> dict[str, VersionedValue]:
        """Return the recorded state of a goal, by key."""
        async with reading(self._engine) as session:
            rows = await session.exec(select(StateRow).where(StateRow.goal_id == goal_id).order_by(StateRow.key))
            return {row.key: row.noun() for row in rows}

    async def ledger(self, goal_id: str | None = None) -> Ledger:
        """Count one goal's tasks, or all; live ones from the tasks, the rest from the goals' totals."""
        totals = ("submitted", "finished", "failed", "cancelled")
        asked = select(*(func.coalesce(func.sum(GoalRow.metadata.tables["goals"].c[name]), 0) for name in totals))
        live = select(func.count()).select_from(TaskRow).where(text(LIVE))
        if goal_id is not None:
            asked, live = asked.where(col(GoalRow.id) == goal_id), live.where(TaskRow.goal_id == goal_id)
        async with reading(self._engine) as session:
            counted = [int(number) for number in (await session.exec(asked)).one()]
            return Ledger(**dict(zip(totals, counted, strict=True)), live=(await session.exec(live)).one())

    async def undispatched(self) -> int:
        """Count persisted tasks that are not in the queue yet."""
        asked = select(func.count()).select_from(TaskRow).where(col(TaskRow.dispatched_at).is_(None), text(LIVE))
        async with reading(self._engine) as session:
            return (await session.exec(asked)).one()

    async def recovery(self) -> Recovery | None:
        """Return what was found and done the last time Redis had lost something, if that was within a day, over all shards."""
        day = func.clock_timestamp() - timedelta(days=1)
        asked = select(RecoveryRow).where(RecoveryRow.at > day).order_by(col(RecoveryRow.seq).desc()).limit(MOST_SHARDS)
        async with reading(self._engine) as session:
            return together([row.noun() for row in await session.exec(asked)])

    async def stuck(self) -> int:
        """Return how many live tasks the last sweep found in no place and could not put back."""
        async with reading(self._engine) as session:
            return int((await (await session.connection()).execute(sql.STUCK)).scalar_one())

    async def unvouched(self, first: int = 200) -> list[str]:
        """List those of the first tasks waiting for their execution that no worker vouches for."""
        asked = {"reason": NOT_VOUCHED, "first": first}
        async with reading(self._engine) as session:
            return list((await (await session.connection()).execute(sql.UNVOUCHED, asked)).scalars())

    async def resolve(self, noun: str, prefix: str) -> str:
        """Return the one id of a `goal`, `task` or `review card` that starts with the prefix.

        Raises:
            NotFound: None does, or it is too short or no beginning of an id.
            AmbiguousId: Several do.
        """
        id = col(ID_COLUMNS[noun])
        start = prefix.strip().lower()
        found: Sequence[str] = ()
        if PREFIX.fullmatch(start):
            asked = select(id).where(id >= start, id < start + AFTER_HEX).order_by(id).limit(CANDIDATES)
            async with reading(self._engine) as session:
                found = (await session.exec(asked)).all()
        if len(found) > 1:
            raise AmbiguousId(noun, prefix, found)
        if not found:
            short = "give 4 or more characters of the id" if len(start) < SHORTEST else ""
            raise (
                ReviewCardNotFound(prefix, hint=short) if noun == "review card" else NotFound(noun, prefix, hint=short)
            )
        return found[0]

    async def now(self) -> datetime:
        """Return the clock of the database; proves that it answers."""
        async with reading(self._engine) as session:
            moment: datetime = (await (await session.connection()).execute(sql.NOW)).scalar_one()
            return moment


async def with_counts(session: AsyncSession, rows: Sequence[GoalRow]) -> list[Goal]:
    """Return goals with their tasks counted by status."""
    asked = (
        select(TaskRow.goal_id, TaskRow.status, func.count())
        .where(col(TaskRow.goal_id) == sql.any_of([row.id for row in rows]))
        .group_by(col(TaskRow.goal_id), col(TaskRow.status))
    )
    counts: dict[str, dict[TaskStatus, int]] = {row.id: {} for row in rows}
    for goal_id, status, count in await session.exec(asked) if rows else ():
        counts[goal_id][TaskStatus(status)] = count
    return [row.noun(counts[row.id]) for row in rows]
