"""The record as the reconciler reads it: under the lock, so that it stands still."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from chimera_cli.adapters import order_sql, review_sql
from chimera_cli.adapters import postgres_dispatching as dispatching
from chimera_cli.adapters import postgres_epochs as epochs
from chimera_cli.adapters import postgres_recording as recording
from chimera_cli.adapters import postgres_sql as sql
from chimera_cli.adapters import postgres_turns as turns
from chimera_cli.adapters.postgres_errors import postgres_errors
from chimera_cli.adapters.postgres_past import pasts
from chimera_cli.adapters.postgres_sizes import first_page
from chimera_cli.adapters.postgres_sweep import still_tasks
from chimera_cli.adapters.row import LIVE
from chimera_cli.adapters.rows import GoalRow, TaskRow
from chimera_cli.models.delivery import Dispatch
from chimera_cli.models.epoch import ShardRecord
from chimera_cli.models.event import TaskEvent
from chimera_cli.models.goal import GoalStatus
from chimera_cli.models.recovery import Mark, Pause, Recovery
from chimera_cli.models.standing import StillTasks
from chimera_cli.models.task import TaskStatus

PAGE = 500
"""Rows of one page."""
TERMINAL_GOALS = [status.value for status in GoalStatus if status.terminal]


class PostgresRecovery:
    """Implements ComparisonPort. The engine belongs to whoever made it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def known(self) -> Mapping[int, ShardRecord]:
        """Return what is known of the shards, without waiting for others."""
        with postgres_errors():
            async with self._engine.connect() as connection:
                return await epochs.known(connection)

    async def note_use(self, shard: int, epoch: int) -> None:
        """Note that this process works with the Redis of a shard's current epoch; nothing is noted about another one."""
        with postgres_errors():
            async with self._engine.begin() as connection:
                await connection.execute(epochs.NOTE_USE, {"shard": shard, "epoch": epoch})

    @asynccontextmanager
    async def comparing(self, *, wait: bool) -> AsyncIterator["PostgresComparison | None"]:
        """Keep others from dispatching and recording; None when somebody else is at it and `wait` is off."""
        with postgres_errors():
            async with AsyncSession(self._engine) as session, session.begin():
                connection = await session.connection()
                if not await turns.hold(connection, wait=wait):
                    yield None
                else:
                    yield PostgresComparison(session, connection, await turns.number(connection))


class PostgresComparison:
    """Implements Comparison, within one transaction that holds the record's lock."""

    def __init__(self, session: AsyncSession, connection: AsyncConnection, turn: int) -> None:
        self._session = session
        self._connection = connection
        self.turn = turn

    async def known(self, shard: int) -> ShardRecord:
        """Return what is known of a shard."""
        return (await epochs.known(self._connection)).get(shard, ShardRecord())

    async def begin_epoch(self, shard: int, *, above: int, run: str) -> int:
        """Begin an epoch for a server run and return its number."""
        return await epochs.begin(self._connection, shard, above=above, run=run)

    async def record(self, events: Sequence[TaskEvent]) -> None:
        """Store events of one shard."""
        if events:
            newest = (await self.known(events[0].shard)).reached
            await recording.record(self._connection, events, newest)

    async def live(self, *, unheard: bool) -> AsyncIterator[Sequence[Mark]]:
        """Go through the tasks that are in the queue by the record, in the order of submission, page by page."""
        columns = TaskRow.metadata.tables["tasks"].c
        asked = select(*(columns[name] for name in ("id", "goal_id", "version", "position")))
        asked = asked.where(text(LIVE), columns.dispatched_at.is_not(None)).order_by(columns.position).limit(PAGE)
        if unheard:
            # PENDING and not of version 0: one that was put back by an operator has a past.
            asked = asked.where(columns.status == TaskStatus.PENDING.value)
        after = -1
        while rows := (await self._connection.execute(asked.where(columns.position > after))).all():
            yield [_mark(row) for row in rows]
            after = rows[-1].position

    async def still(self, task_ids: Sequence[str]) -> StillTasks:
        """Return those of these tasks that are live and in the queue, as they are now."""
        return await still_tasks(self._connection, task_ids)

    async def dispatches(self, task_ids: Sequence[str]) -> AsyncIterator[list[Dispatch]]:
        """Go through these tasks with all that the queue needs to go on with them, as many at a time as fit into memory."""
        left = set(task_ids)
        while left and (page := await first_page(self._connection, sorted(left))).ids:
            rows = await dispatching.tasks_of(self._session, page)
            known = await pasts(self._connection, rows)
            whole = await dispatching.with_all(self._session, page, rows, self.turn)
            for dispatch in whole:
                known[dispatch.task.id] = known[dispatch.task.id].model_copy(update={"handed": dispatch.past.handed})
            yield [dispatch.model_copy(update={"past": known[dispatch.task.id]}) for dispatch in whole]
            self._session.expunge_all()
            left -= set(page.ids)

    async def repeat_decisions(self) -> int:
        """Have decisions and orders carried out once more of which the record has not heard that they were; returns how many."""
        await self._connection.execute(order_sql.REPEAT_GOALS)
        statements = review_sql.REPEAT_DECISIONS, order_sql.REPEAT_CANCELS
        return sum([(await self._connection.execute(statement)).rowcount for statement in statements])

    async def paused(self) -> list[Pause]:
        """List the goals that are paused."""
        columns = GoalRow.metadata.tables["goals"].c
        asked = select(columns.id, columns.ordered).where(columns.paused_at.is_not(None))
        rows = await self._connection.execute(asked)
        return [Pause(goal_id=row.id, order=row.ordered) for row in rows]

    async def note(self, recovery: Recovery) -> None:
        """Keep what was found and done."""
        await self._connection.execute(sql.INSERT_RECOVERY, recovery.model_dump(exclude={"at"}, mode="json"))


def _mark(row: Row[Any]) -> Mark:
    return Mark(task_id=row.id, goal_id=row.goal_id, version=row.version)
