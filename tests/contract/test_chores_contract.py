"""What RecordPort.chores finds, on a real Postgres: never less than the steps of housekeeping would do."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from chimera_cli.adapters.postgres_orders import PostgresOrders
from chimera_cli.adapters.postgres_record import PostgresRecord
from chimera_cli.adapters.postgres_review import PostgresReview
from chimera_cli.adapters.postgres_sweep import PostgresSweep
from chimera_cli.models.goal import Goal
from chimera_cli.models.identity import content_digest, task_id
from chimera_cli.models.order import OrderAction
from chimera_cli.models.review import Decision
from chimera_cli.models.task import TaskSpec
from tests.contract.postgres_life import HELD, Story, a_goal, a_judgement

pytestmark = pytest.mark.integration
DAY = timedelta(days=1)
CENTURY = timedelta(days=36_500)


async def chores(record: PostgresRecord, older_than: timedelta | None = None) -> set[str]:
    """Name what there is to do besides the sweep, which is due by the clock."""
    return {name for name, wanted in await record.chores(older_than=older_than) if wanted is True and name != "sweep"}


async def submitted(record: PostgresRecord) -> Goal:
    goal = a_goal(uuid4)
    await record.submit(goal, [TaskSpec(key="a", kind="content.draft", title="a", payload={"n": 1})])
    return goal


async def held(record: PostgresRecord) -> Goal:
    """Submit a goal whose task waits for a person since the beginning of the story, which is long ago."""
    goal = await submitted(record)
    judgement = a_judgement(content_digest(task_id(goal.id, "a"), {"n": 1}, "text of a", "1", "1"))
    story = Story(goal)
    await record.record(story.tell("a", *HELD, output="text of a", data={"judgement": judgement}))
    return goal


async def test_an_empty_record_leaves_nothing_to_do(record: PostgresRecord) -> None:
    assert await chores(record, DAY) == set()


async def test_tasks_wait_until_they_are_dispatched(record: PostgresRecord) -> None:
    await submitted(record)
    assert await chores(record) == {"tasks"}
    async with record.dispatching() as waiting:
        assert len(waiting) == 1
        assert await chores(record) == {"tasks"}
    assert await chores(record) == set()


async def test_an_order_waits_until_it_is_carried_out_and_a_retry_for_its_dispatch(
    record: PostgresRecord, engine: AsyncEngine
) -> None:
    goal, orders = await submitted(record), PostgresOrders(engine)
    async with record.dispatching():
        pass
    (order,) = (await orders.order_goals(OrderAction.PAUSE, [goal.id], "ana")).given
    assert await chores(record) == {"orders"}
    await orders.close([order.seq])
    assert await chores(record) == set()
    await record.record(Story(goal).tell("a", "task.queued", "task.started", "task.failed"))
    await orders.order_tasks(OrderAction.RETRY, [task_id(goal.id, "a")], "ana")
    assert await chores(record) == {"tasks"}


async def test_a_card_is_overdue_at_its_age_and_never_without_one(record: PostgresRecord, engine: AsyncEngine) -> None:
    await held(record)
    assert await chores(record, CENTURY) == set()
    assert await chores(record, None) == set()
    assert await chores(record, DAY) == {"overdue"}
    assert await PostgresReview(engine).expire(DAY) == 1
    assert await chores(record, DAY) == {"decisions"}


async def test_a_decision_waits_until_it_is_carried_out(record: PostgresRecord, engine: AsyncEngine) -> None:
    await held(record)
    review = PostgresReview(engine)
    (card,) = await review.cards()
    await review.decide(card.id, Decision.APPROVE, "ana", "")
    assert await chores(record) == {"decisions"}
    await review.mark_resumed(card.id)
    assert await chores(record) == set()


async def test_a_sweep_is_due_until_its_pages_are_through(record: PostgresRecord, engine: AsyncEngine) -> None:
    assert (await record.chores(older_than=None)).sweep
    assert await PostgresSweep(engine).next_page(still_for=DAY) is not None
    assert not (await record.chores(older_than=None)).sweep
