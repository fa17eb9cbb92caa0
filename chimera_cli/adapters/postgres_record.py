"""The record on Postgres: RecordPort."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from chimera_cli.adapters import postgres_chores as chores
from chimera_cli.adapters import postgres_dispatching as dispatching
from chimera_cli.adapters import postgres_epochs as epochs
from chimera_cli.adapters import postgres_lost_posts as posts
from chimera_cli.adapters import postgres_recording as recording
from chimera_cli.adapters import postgres_sql as sql
from chimera_cli.adapters import postgres_submitting as submitting
from chimera_cli.adapters import postgres_turns as turns
from chimera_cli.adapters.postgres_errors import postgres_errors
from chimera_cli.adapters.postgres_reads import PostgresReads, with_counts
from chimera_cli.adapters.rows import GoalRow
from chimera_cli.exceptions import HandlerError
from chimera_cli.models.away import NONE_AWAY, Away
from chimera_cli.models.delivery import Dispatch, Lease
from chimera_cli.models.epoch import Epochs, ShardRecord
from chimera_cli.models.event import TaskEvent
from chimera_cli.models.goal import Goal, GoalStatus
from chimera_cli.models.task import TaskSpec, TaskStatus
from chimera_cli.ports.record import Chores, Recorded

TERMINAL_GOALS = tuple(status.value for status in GoalStatus if status.terminal)


class PostgresRecord(PostgresReads):
    """Goals, tasks and their events. Each write is one transaction; the engine belongs to whoever made it."""

    def __init__(self, engine: AsyncEngine, *, max_queued: int = 0) -> None:
        super().__init__(engine)
        self._max_queued = max_queued

    async def submit(self, goal: Goal, tasks: Iterable[TaskSpec]) -> bool:
        """Store a goal with all its tasks in one transaction, streaming; False, and nothing stored, when its id is known.

        Raises:
            QueueFull: Too much waits already.
        """
        with postgres_errors():
            async with self._engine.begin() as connection:
                return await submitting.submit(connection, goal, tasks, max_queued=self._max_queued)

    async def add_tasks(self, goal_id: str, tasks: Sequence[TaskSpec]) -> list[str]:
        """Store more tasks for a live goal and return the ids of all given; a known key is left as it is.

        Raises:
            NotFound: No such goal.
            WrongState: The goal takes no more tasks.
            QueueFull: Too much waits already.
        """
        with postgres_errors():
            async with self._engine.begin() as connection:
                return await submitting.add(connection, goal_id, tasks, max_queued=self._max_queued)

    async def check_room(self) -> None:
        """Find out whether one more task would be accepted now.

        Raises:
            QueueFull: It would not.
        """
        with postgres_errors():
            async with self._engine.connect() as connection:
                await submitting.check_room(connection, self._max_queued, adding=1)

    async def replan(self, goal_id: str, replans: int, tasks: Sequence[TaskSpec]) -> bool:
        """Replace the failed tasks of a REPLANNING goal, if nobody was first; without new tasks the goal becomes FAILED."""
        with postgres_errors():
            async with self._engine.begin() as connection:
                return await submitting.replan(connection, goal_id, replans, tasks)

    async def chores(self, *, older_than: timedelta | None) -> Chores:
        """Look what there is to do, without waiting for anybody."""
        with postgres_errors():
            async with self._engine.connect() as connection:
                return await chores.look(connection, older_than)

    @asynccontextmanager
    async def dispatching(self, limit: int = 500, *, away: Away = NONE_AWAY) -> AsyncIterator[list[Dispatch]]:
        """Hand out persisted tasks that are not in the queue yet, oldest first, and mark them dispatched on a clean exit. Those of
        shards that are away are left out.

        The lock that it shares with `record` keeps the dependencies' statuses true: no parent ends unseen between being read
        here and its children's arrival in the queue.
        """
        with postgres_errors():
            async with AsyncSession(self._engine) as session, session.begin():
                await turns.hold(await session.connection())
                dispatches = await dispatching.undispatched(session, limit, away)
                yield dispatches
                if dispatches:
                    await dispatching.mark(session, dispatches)

    async def epochs(self) -> Epochs:
        """Return the current epoch of each shard."""
        with postgres_errors():
            async with self._engine.connect() as connection:
                return await epochs.read(connection)

    async def lost_posts(self, limit: int) -> list[str]:
        """List completed tasks whose posts the outbox does not hold, at most `limit`."""
        with postgres_errors():
            async with self._engine.connect() as connection:
                return await posts.tasks(connection, limit)

    async def probe_effects(self) -> None:
        """Store a post of a name that no other has, and take it back.

        Raises:
            SwarmError: Postgres is away, or refuses.
        """
        probe = {"idempotency_key": f"probe {uuid4()}", "platform": "", "post": "{}"}
        with postgres_errors():
            async with self._engine.connect() as connection:
                await connection.execute(sql.INSERT_POST, probe)
                await connection.rollback()

    async def demand_live(self, lease: Lease) -> None:
        """Make sure that what was claimed was claimed from the Redis that counts, and has not ended in the record: who writes to
        Redis can put an old task back there, with its signed approval.

        Raises:
            StaleEpoch: Another one took over since.
            HandlerError: It has ended.
        """
        with postgres_errors():
            async with self._engine.begin() as connection:
                await epochs.hold(connection, lease.epochs)
                status = (await connection.execute(sql.STATUS, {"id": lease.task_id})).scalar_one_or_none()
        # What the record does not know was accepted before it came back from an older copy; its approval is signed.
        if status and TaskStatus(status).terminal:
            raise HandlerError(f"refused to execute: in the record it is {status}")

    async def turn(self) -> int:
        """Take a turn without reading or writing anything."""
        with postgres_errors():
            async with self._engine.begin() as connection:
                await turns.hold(connection)
                return await turns.number(connection)

    async def record(self, events: Sequence[TaskEvent], *, wait: bool = True) -> Recorded | None:
        """Store events of one shard exactly once, in order, and bring goals, tasks, state and review cards up to them; None when
        somebody has the lock and `wait` is off."""
        if not events:
            return Recorded(new=0)
        ended = dict.fromkeys((event.goal_id, event.task_id) for event in events if event.status.terminal)
        with postgres_errors():
            async with AsyncSession(self._engine) as session, session.begin():
                connection = await session.connection()
                if not await turns.hold(connection, wait=wait):
                    return None
                known = await epochs.known(connection)
                shard = known.get(events[0].shard, ShardRecord())
                for epoch in {event.epoch for event in events}:
                    epochs.demand(epoch, shard.epoch)
                new, reached = await recording.record(connection, events, shard.reached)
                turn = await turns.number(connection)
                goals = await _terminal(session, {goal_id for goal_id, _ in ended})
        current = {number: record.epoch for number, record in known.items()}
        return Recorded(
            new=new,
            reached=reached,
            turn=turn,
            epochs=current,
            ended_tasks=tuple(ended),
            ended_goals=tuple(goals),
        )


async def _terminal(session: AsyncSession, goal_ids: set[str]) -> list[Goal]:
    """Return those of the goals that have reached their end."""
    if not goal_ids:
        return []
    asked = select(GoalRow).where(
        col(GoalRow.id) == sql.any_of(sorted(goal_ids)), col(GoalRow.status).in_(TERMINAL_GOALS)
    )
    return await with_counts(session, (await session.exec(asked)).all())
