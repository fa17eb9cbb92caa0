"""How many tasks may wait for their first run, on a real Postgres."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from chimera_cli.adapters.postgres_record import PostgresRecord
from chimera_cli.exceptions import NotFound, QueueFull
from chimera_cli.models.goal import GoalStatus
from tests.contract.postgres_life import Story, a_goal, specs

pytestmark = pytest.mark.integration
LIMIT = 10


def keys(count: int, name: str = "t") -> list[str]:
    return [f"{name}-{number}" for number in range(count)]


@pytest.fixture
def record(engine: AsyncEngine) -> PostgresRecord:
    return PostgresRecord(engine, max_queued=LIMIT)


async def test_a_plan_that_fits_exactly_is_taken_and_one_task_more_is_refused(record: PostgresRecord) -> None:
    goal = a_goal(uuid4)
    assert await record.submit(goal, specs(*keys(LIMIT)))
    with pytest.raises(QueueFull) as refused:
        await record.add_tasks(goal.id, specs("one-more"))
    assert (refused.value.waiting, refused.value.limit, refused.value.exit_code) == (LIMIT + 1, LIMIT, 9)
    assert (await record.ledger()).submitted == LIMIT


async def test_a_refused_plan_leaves_nothing_behind(record: PostgresRecord) -> None:
    await record.check_room()
    goal = a_goal(uuid4)
    with pytest.raises(QueueFull) as refused:
        await record.submit(goal, specs(*keys(LIMIT + 1)))
    assert refused.value.alone
    with pytest.raises(NotFound):
        await record.goal(goal.id)
    assert (await record.ledger()).submitted == 0


async def test_a_task_that_has_run_makes_room_for_another(record: PostgresRecord) -> None:
    goal = a_goal(uuid4)
    await record.submit(goal, specs(*keys(LIMIT)))
    with pytest.raises(QueueFull):
        await record.check_room()
    await record.record(Story(goal).tell("t-0", "task.queued", "task.started"))
    await record.check_room()
    await record.add_tasks(goal.id, specs("one-more"))


async def test_what_is_known_already_is_never_refused(record: PostgresRecord) -> None:
    goal = a_goal(uuid4)
    await record.submit(goal, specs(*keys(LIMIT)))
    assert not await record.submit(goal, specs(*keys(LIMIT)))
    assert len(await record.add_tasks(goal.id, specs(*keys(LIMIT)))) == LIMIT


async def test_of_many_who_submit_at_once_no_more_are_accepted_than_fit(record: PostgresRecord) -> None:
    async def submit() -> bool:
        try:
            return await record.submit(a_goal(uuid4), specs(*keys(3)))
        except QueueFull:
            return False

    accepted = await asyncio.gather(*(submit() for _ in range(8)))
    assert sum(accepted) == 3
    assert (await record.ledger()).submitted == 9


async def test_a_replan_is_not_refused(record: PostgresRecord) -> None:
    goal = a_goal(uuid4, max_replans=1)
    await record.submit(goal, specs("bad"))
    await record.record(Story(goal).tell("bad", "task.queued", "task.started", "task.failed"))
    assert (await record.goal(goal.id)).status is GoalStatus.REPLANNING
    await record.submit(a_goal(uuid4), specs(*keys(LIMIT)))
    assert await record.replan(goal.id, 0, specs("better"))
