"""OrdersPort, on a real Postgres: one order a subject, one audit row an order, and the count adds up after it."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from chimera_cli.adapters.postgres_orders import PostgresOrders
from chimera_cli.adapters.postgres_record import PostgresRecord
from chimera_cli.adapters.postgres_review import PostgresReview
from chimera_cli.exceptions import WrongState
from chimera_cli.models.audit import first_broken
from chimera_cli.models.goal import Goal, GoalStatus, Ledger
from chimera_cli.models.identity import content_digest, task_id
from chimera_cli.models.order import TOO_LATE, OrderAction
from chimera_cli.models.result import StateChange, VersionedValue
from chimera_cli.models.review import Decision
from chimera_cli.models.task import Phase, TaskSpec, TaskStatus
from chimera_cli.ports.orders import Ordered, OrdersPort
from tests.contract.postgres_life import HELD, Story, a_goal, a_judgement, specs

pytestmark = pytest.mark.integration
DONE = ("task.queued", "task.started", "task.completed")
FAILED = ("task.queued", "task.started", "task.failed")
CANCEL, RETRY, PAUSE, RESUME = OrderAction.CANCEL, OrderAction.RETRY, OrderAction.PAUSE, OrderAction.RESUME


@pytest.fixture
def orders(engine: AsyncEngine) -> OrdersPort:
    return PostgresOrders(engine)


@pytest.fixture
def review(engine: AsyncEngine) -> PostgresReview:
    return PostgresReview(engine)


async def submitted(record: PostgresRecord, *tasks: str | TaskSpec, **fields: object) -> tuple[Goal, Story]:
    """Submit a goal, and mark its tasks as dispatched."""
    goal = a_goal(uuid4, **fields)
    given = [task if isinstance(task, TaskSpec) else specs(task)[0] for task in tasks]
    assert await record.submit(goal, given)
    async with record.dispatching():
        pass
    return goal, Story(goal)


def refusal(ordered: Ordered) -> str:
    """The one refusal, as it is told."""
    assert ordered.given == ()
    (error,) = ordered.refused
    assert isinstance(error, WrongState)
    return error.message


async def test_an_order_is_kept_with_its_audit_row_until_it_is_carried_out(
    record: PostgresRecord, orders: OrdersPort, review: PostgresReview
) -> None:
    goal, _ = await submitted(record, "a", "b")
    ids = [task_id(goal.id, key) for key in "ab"]
    given = (await orders.order_tasks(CANCEL, ids, "ana", "too\x00 dear")).given
    assert [(order.task_id, order.goal_id, order.operator, order.reason) for order in given] == [
        (id, goal.id, "ana", "too\ufffd dear") for id in ids
    ]
    assert await orders.open() == list(given)
    assert await orders.open(after=given[0].seq) == [given[1]]
    rows = await review.audit()
    assert [(row.action, row.task_id, row.goal_id, row.card_id, row.operator) for row in rows] == [
        ("cancel", id, goal.id, "", "ana") for id in ids
    ]
    assert first_broken(rows) is None
    await orders.close([given[0].seq], "late")
    await orders.close([given[0].seq], "again")
    assert await orders.open() == [given[1]]
    (kept,) = await orders.orders(goal_id=goal.id, task_id=ids[0])
    assert (kept.note, kept.done_at is not None) == ("late", True)


async def test_of_operators_who_cancel_one_task_at_once_exactly_one_wins(
    record: PostgresRecord, orders: OrdersPort, review: PostgresReview
) -> None:
    goal, _ = await submitted(record, "a")
    ids = [task_id(goal.id, "a")]
    answers = await asyncio.gather(*(orders.order_tasks(CANCEL, ids, f"operator-{n}") for n in range(5)))
    (winner,) = [answer.given[0].operator for answer in answers if answer.given]
    told = [answer.refused[0].message for answer in answers if answer.refused]
    assert len(told) == 4
    assert all(f"is CANCELLED by {winner} since 20" in message for message in told)
    assert len(await review.audit()) == 1


async def test_what_has_ended_is_not_cancelled_and_what_lives_is_not_retried(
    record: PostgresRecord, orders: OrdersPort, review: PostgresReview
) -> None:
    goal, story = await submitted(record, "done", "live")
    await record.record(story.tell("done", *DONE))
    done, live = task_id(goal.id, "done"), task_id(goal.id, "live")
    assert (
        refusal(await orders.order_tasks(CANCEL, [done], "ana")) == f"task {done} is COMPLETED and cannot be cancelled"
    )
    assert refusal(await orders.order_tasks(RETRY, [live], "ana")) == f"task {live} is PENDING and cannot be retried"
    assert "COMPLETED" in refusal(await orders.order_tasks(RETRY, [done], "ana"))
    assert await orders.order_tasks(RETRY, ["0" * 20], "ana") == Ordered()
    assert await review.audit() == []


async def test_a_task_cancelled_before_its_dispatch_arrives_with_the_order(
    record: PostgresRecord, orders: OrdersPort
) -> None:
    goal = a_goal(uuid4)
    await record.submit(goal, specs("a", "b"))
    await orders.order_tasks(CANCEL, [task_id(goal.id, "a")], "ana", "no use")
    async with record.dispatching() as dispatches:
        assert [dispatch.cancelled for dispatch in dispatches] == ["cancelled by ana: no use", ""]


@pytest.mark.parametrize("end", ["task.failed", "task.rejected", "task.cancelled"])
async def test_a_retried_task_is_live_again_and_its_history_goes_on(
    record: PostgresRecord, orders: OrdersPort, review: PostgresReview, end: str
) -> None:
    goal, story = await submitted(record, "a", "b")
    await record.record(story.tell("b", *DONE))
    commit = (StateChange(key="k", expected=0, value="v"),)
    await record.record(story.tell("a", "task.queued", "task.started", "task.approved", changes=commit))
    await record.record(story.tell("a", end, error="the sky fell"))
    ended = await record.goal(goal.id)
    assert (ended.status, ended.finished_at is not None) == (GoalStatus.FAILED, True)
    (order,) = (await orders.order_tasks(RETRY, [task_id(goal.id, "a")], "ana", "mended")).given
    task = await record.task(order.task_id)
    assert (task.status, task.phase, task.version, task.attempts, task.error, task.output) == (
        TaskStatus.PENDING, Phase.PROPOSE, 5, 0, "", None
    )  # fmt: skip
    again = await record.goal(goal.id)
    assert (again.status, again.finished_at) == (GoalStatus.ACTIVE, None)
    assert await record.ledger(goal.id) == Ledger(submitted=2, finished=1, live=1)
    last = (await record.history(goal_id=goal.id, task_id=task.id))[-1]
    assert (last.name, last.status, last.version, last.generation, last.agent, last.error) == (
        "task.retried", TaskStatus.PENDING, 5, 1, "ana", "retried by ana: mended"
    )  # fmt: skip
    assert await orders.open() == []
    async with record.dispatching() as (dispatch,):
        assert (dispatch.task.id, dispatch.task.version, dispatch.cancelled) == (task.id, 5, "")
        assert dispatch.state == {"k": VersionedValue(value="v", version=1)}
    (kept,) = await orders.orders(goal_id=goal.id, task_id=task.id)
    assert kept.done_at is not None
    assert [row.action for row in await review.audit()] == ["retry"]
    story.skip("a")
    await record.record(story.tell("a", *DONE))
    assert (await record.goal(goal.id)).status is GoalStatus.COMPLETED
    assert (await record.ledger(goal.id)).balanced


async def test_a_retry_closes_older_orders_to_cancel_its_task_as_late(
    record: PostgresRecord, orders: OrdersPort
) -> None:
    goal, story = await submitted(record, "a", "b")
    ids = [task_id(goal.id, key) for key in "ab"]
    await orders.order_tasks(CANCEL, ids, "ana")
    await record.record(story.tell("a", *FAILED))
    await record.record(story.tell("b", "task.cancelled"))
    retries = (await orders.order_tasks(RETRY, ids, "bob")).given
    assert await orders.open() == []
    async with record.dispatching() as dispatches:
        assert [(one.cancelled, one.life) for one in dispatches] == [("", retry.seq) for retry in retries]
    notes = [(await orders.orders(goal_id=goal.id, task_id=id))[0].note for id in ids]
    assert notes == [TOO_LATE, ""]
    await orders.order_tasks(CANCEL, ids, "ana")
    assert [order.life for order in await orders.open()] == [retry.seq for retry in retries]


async def test_a_goal_that_is_at_work_again_obeys_no_order_from_before_its_end(
    record: PostgresRecord, orders: OrdersPort
) -> None:
    goal, story = await submitted(record, "a", "b")
    a, b = (task_id(goal.id, key) for key in "ab")
    await record.record(story.tell("a", *FAILED))
    (pause,) = (await orders.order_goals(PAUSE, [goal.id], "ana")).given
    await orders.order_tasks(RETRY, [a], "ana")
    live = await record.goal(goal.id)
    assert (live.ordered, live.paused_at is not None) == (pause.seq, True)
    story.skip("a")
    for key in "ab":
        await record.record(story.tell(key, *FAILED))
    (retry,) = (await orders.order_tasks(RETRY, [b], "ana")).given
    again = await record.goal(goal.id)
    assert (again.ordered, again.paused_at) == (retry.seq, None)


async def test_a_retry_takes_its_forgiven_end_back_and_no_others(record: PostgresRecord, orders: OrdersPort) -> None:
    goal, story = await submitted(record, "old", max_replans=1)
    await record.record(story.tell("old", *FAILED))
    assert await record.replan(goal.id, 0, specs("new"))
    await record.record(story.tell("new", *FAILED))
    await orders.order_tasks(RETRY, [task_id(goal.id, "new")], "ana")
    story.skip("new")
    await record.record(story.tell("new", *DONE))
    assert (await record.goal(goal.id)).status is GoalStatus.COMPLETED
    await orders.order_tasks(RETRY, [task_id(goal.id, "old")], "ana")
    story.skip("old")
    await record.record(story.tell("old", *FAILED))
    assert (await record.goal(goal.id)).status is GoalStatus.FAILED
    assert (await record.ledger(goal.id)).balanced


async def test_what_was_cancelled_because_of_a_failure_may_be_retried_with_it(
    record: PostgresRecord, orders: OrdersPort
) -> None:
    tree = [
        *specs("top", "other"),
        *specs("mid", depends_on=("top",)),
        *specs("leaf", depends_on=("mid",)),
        *specs("torn", depends_on=("top", "other")),
    ]
    goal, story = await submitted(record, *tree)
    await record.record([*story.tell("top", *FAILED), *story.tell("other", *FAILED)])
    await record.record([event for key in ("mid", "leaf", "torn") for event in story.tell(key, "task.cancelled")])
    ids = {key: task_id(goal.id, key) for key in ("top", "mid", "leaf", "torn")}
    assert await orders.dependents([ids["top"]]) == [ids["mid"], ids["leaf"]]
    assert "depends on top, which ended badly too" in refusal(await orders.order_tasks(RETRY, [ids["mid"]], "ana"))
    given = (await orders.order_tasks(RETRY, [ids["top"], ids["mid"], ids["leaf"]], "ana")).given
    assert [order.task_id for order in given] == [ids["top"], ids["mid"], ids["leaf"]]
    async with record.dispatching() as dispatches:
        assert [(dep.status, dep.version) for one in dispatches for dep in one.dependencies] == [
            (TaskStatus.PENDING, 4),
            (TaskStatus.PENDING, 2),
        ]


async def test_a_paused_goal_says_who_and_since_when_and_is_paused_once(
    record: PostgresRecord, orders: OrdersPort, review: PostgresReview
) -> None:
    goal, _ = await submitted(record, "a")
    (order,) = (await orders.order_goals(PAUSE, [goal.id], "ana", "lunch")).given
    paused = await record.goal(goal.id)
    assert (paused.status, paused.paused_by, paused.paused_at, paused.ordered) == (
        GoalStatus.ACTIVE, "ana", order.at, order.seq
    )  # fmt: skip
    assert "is PAUSED by ana since 20" in refusal(await orders.order_goals(PAUSE, [goal.id], "bob"))
    await record.add_tasks(goal.id, specs("b"))
    async with record.dispatching() as (dispatch,):
        assert (dispatch.paused, dispatch.ordered) == (True, order.seq)
    (resumed,) = (await orders.order_goals(RESUME, [goal.id], "bob")).given
    assert resumed.seq > order.seq
    again = await record.goal(goal.id)
    assert (again.paused_by, again.paused_at, again.ordered) == ("", None, resumed.seq)
    assert "not paused" in refusal(await orders.order_goals(RESUME, [goal.id], "ana"))
    assert [(row.action, row.operator, row.goal_id, row.task_id) for row in await review.audit()] == [
        ("pause", "ana", goal.id, ""),
        ("resume", "bob", goal.id, ""),
    ]
    assert [order.action for order in await orders.orders(goal_id=goal.id)] == [PAUSE, RESUME]


async def test_a_cancelled_goal_ends_with_its_last_live_task_and_is_not_replanned(
    record: PostgresRecord, orders: OrdersPort
) -> None:
    goal, story = await submitted(record, "done", "live", max_replans=3)
    await record.record(story.tell("done", *DONE))
    await orders.order_goals(PAUSE, [goal.id], "ana")
    await orders.order_goals(CANCEL, [goal.id], "bob", "enough")
    for late in (PAUSE, RESUME, CANCEL):
        assert "is CANCELLED by bob since 20" in refusal(await orders.order_goals(late, [goal.id], "eve"))
    with pytest.raises(WrongState, match="cancelled by bob"):
        await record.add_tasks(goal.id, specs("more"))
    assert await orders.live(goal.id) == ([task_id(goal.id, "live")], 0)
    await record.record(story.tell("live", "task.cancelled"))
    ended = await record.goal(goal.id)
    assert (ended.status, ended.cancelled_by, ended.paused_at, ended.paused_by) == (
        GoalStatus.CANCELLED, "bob", None, ""
    )  # fmt: skip
    assert ended.finished_at is not None
    for late in (PAUSE, RESUME, CANCEL):
        assert "is CANCELLED by bob since 20" in refusal(await orders.order_goals(late, [goal.id], "eve"))
    told = refusal(await orders.order_tasks(CANCEL, [task_id(goal.id, "live")], "eve"))
    assert "is CANCELLED, as is its goal, by bob since 20" in told
    assert "cannot be worked on again" in refusal(await orders.order_tasks(RETRY, [task_id(goal.id, "live")], "ana"))


async def test_a_goal_that_was_done_before_its_cancelling_got_through_is_completed(
    record: PostgresRecord, orders: OrdersPort
) -> None:
    goal, story = await submitted(record, "a")
    await orders.order_goals(CANCEL, [goal.id], "ana")
    await record.record(story.tell("a", *DONE))
    assert (await record.goal(goal.id)).status is GoalStatus.COMPLETED
    assert "is COMPLETED and cannot be cancelled" in refusal(await orders.order_goals(CANCEL, [goal.id], "ana"))


async def test_a_goal_that_waits_for_a_planner_is_cancelled_at_once_and_not_replanned_while_paused(
    record: PostgresRecord, orders: OrdersPort
) -> None:
    goal, story = await submitted(record, "a", max_replans=2)
    await record.record(story.tell("a", *FAILED))
    await orders.order_goals(PAUSE, [goal.id], "ana")
    assert not await record.replan(goal.id, 0, specs("b"))
    await orders.order_goals(CANCEL, [goal.id], "ana")
    ended = await record.goal(goal.id)
    assert (ended.status, ended.paused_at) == (GoalStatus.CANCELLED, None)
    assert "is CANCELLED by ana since 20" in refusal(await orders.order_goals(PAUSE, [goal.id], "eve"))
    assert not await record.replan(goal.id, 0, specs("b"))


async def test_of_a_pause_and_a_cancel_at_once_no_pause_outlives_the_goal(
    record: PostgresRecord, orders: OrdersPort
) -> None:
    goals = [(await submitted(record, "a"))[0] for _ in range(4)]
    for goal in goals:
        pause, cancel = await asyncio.gather(
            orders.order_goals(PAUSE, [goal.id], "ana"), orders.order_goals(CANCEL, [goal.id], "bob")
        )
        assert len(cancel.given) == 1
        if pause.refused:
            assert "CANCELLED by bob" in pause.refused[0].message
        else:
            assert pause.given[0].seq < cancel.given[0].seq


async def test_an_approval_waits_while_its_goal_is_paused_and_a_rejection_does_not(
    record: PostgresRecord, orders: OrdersPort, review: PostgresReview
) -> None:
    goal, story = await submitted(record, "a", "b")
    for key in "ab":
        digest = content_digest(task_id(goal.id, key), {"key": key}, "x", "1", "1")
        await record.record(story.tell(key, *HELD, output="x", data={"judgement": a_judgement(digest)}))
    approved, rejected = await review.cards()
    await orders.order_goals(PAUSE, [goal.id], "ana")
    await review.decide(approved.id, Decision.APPROVE, "ana", "")
    await review.decide(rejected.id, Decision.REJECT, "ana", "no")
    assert [card.id for card in await review.unresumed()] == [rejected.id]
    await orders.order_goals(RESUME, [goal.id], "ana")
    assert [card.id for card in await review.unresumed()] == [approved.id, rejected.id]
