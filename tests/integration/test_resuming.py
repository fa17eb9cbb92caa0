"""Decisions on their way from a real Postgres to a real Redis and back, with several housekeepers at it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.postgres_engine import open_engine
from chimera_cli.adapters.postgres_orders import PostgresOrders
from chimera_cli.adapters.postgres_record import PostgresRecord
from chimera_cli.adapters.postgres_review import PostgresReview
from chimera_cli.adapters.redis_client import open_redis
from chimera_cli.adapters.redis_events import RedisEventStream
from chimera_cli.adapters.redis_queue import RedisTaskQueue
from chimera_cli.adapters.redis_state import RedisGlobalState
from chimera_cli.exceptions import AlreadyDecided
from chimera_cli.models.audit import first_broken
from chimera_cli.models.delivery import Delivery, Stage
from chimera_cli.models.gate import GateDecision, Judgement, Route
from chimera_cli.models.goal import Goal
from chimera_cli.models.identity import content_digest, new_id
from chimera_cli.models.order import OrderAction
from chimera_cli.models.policy import LeasePolicy
from chimera_cli.models.result import StateChange, TaskResult
from chimera_cli.models.review import CardStatus, Decision
from chimera_cli.models.task import TaskSpec, TaskStatus
from chimera_cli.models.verdict import Verdict
from chimera_cli.services.review_service import ReviewService
from tests.builders import NOON, VOUCHER
from tests.vouching import vouch

pytestmark = pytest.mark.integration


class Deaf:
    """Listens to nothing."""

    def emit(self, event: object) -> None:
        """Forget it."""


@dataclass
class Swarm:
    """One swarm without agents: the tests play them."""

    queue: RedisTaskQueue
    events: RedisEventStream
    state: RedisGlobalState
    record: PostgresRecord
    reviews: PostgresReview
    goal: Goal

    def housekeeper(self) -> ReviewService:
        return ReviewService(self.reviews, self.queue, Deaf(), voucher=VOUCHER, expire_after=timedelta(days=7))  # type: ignore[arg-type]

    async def submit(self, *keys: str) -> None:
        await self.record.submit(self.goal, [TaskSpec(key=key, kind="listed") for key in keys])
        async with self.record.dispatching() as waiting:
            await self.queue.push_tasks(waiting)

    async def bring_up_to_date(self) -> None:
        """Record what the queue has told, and forget what has ended."""
        events, last = await self.events.read(0)
        recorded = await self.record.record(events)
        await self.queue.forget(recorded.ended_tasks, [], turn=recorded.turn)
        if last:
            await self.events.trim(0, last, recorded=recorded.reached)

    async def work(self) -> None:
        """Have every waiting task add its name to one list of the state, and every result held for a person."""
        names = [f"agent-{number}" for number in range(20)]
        claimed = [one for one in await self.queue.pop_tasks(Stage.WORK, names) if isinstance(one, Delivery)]
        now = await self.state.read(self.goal.id, "names")
        for one in claimed:
            change = StateChange(key="names", expected=now.version, value=[*(now.value or []), one.key])
            await self.queue.hand_over(one.lease, TaskResult(output=one.key, changes=(change,)))
        for held in await self.queue.pop_tasks(Stage.JUDGE, names):
            assert isinstance(held, Delivery)
            await self.queue.hold(held.lease, judgement(held))
        await self.bring_up_to_date()

    async def statuses(self) -> list[TaskStatus]:
        return [task.status for task in await self.record.tasks(goal_id=self.goal.id)]


def judgement(held: Delivery) -> Judgement:
    digest = content_digest(held.lease.task_id, held.payload, held.output, "1", "1", changes=held.written)
    decision = GateDecision(route=Route.REVIEW, reasons=("a person must see it",), policy_version="1")
    verdict = Verdict(confidence=0.8, rubric_version="1")
    return Judgement(verdict=verdict, decision=decision, changes=held.written, digest=digest)


@pytest_asyncio.fixture
async def swarm(fresh_database: str, redis_url: str) -> AsyncIterator[Swarm]:
    keys = Keys(uuid4().hex)
    async with AsyncExitStack() as ends:
        engine = open_engine(fresh_database)
        ends.push_async_callback(engine.dispose)
        client: Any = await ends.enter_async_context(open_redis(redis_url))
        await vouch(client, keys)
        yield Swarm(
            queue=RedisTaskQueue(client, keys, LeasePolicy()),
            events=RedisEventStream(client, keys),
            state=RedisGlobalState(client, keys),
            record=PostgresRecord(engine),
            reviews=PostgresReview(engine),
            goal=Goal(id=new_id(uuid4), text="Grow on Twitter", created_at=NOON),
        )


@pytest.mark.parametrize("decision", list(Decision))
async def test_the_last_of_two_housekeepers_leaves_no_wrong_note_on_a_decision_that_took_effect(
    swarm: Swarm, decision: Decision
) -> None:
    await swarm.submit("a")
    await swarm.work()
    [card] = await swarm.reviews.cards()
    await swarm.reviews.decide(card.id, decision, "ada", "no")
    [seen] = await swarm.reviews.unresumed()
    await swarm.housekeeper().resume_decided()
    await swarm.bring_up_to_date()

    class Slow(PostgresReview):
        """Has read the decisions before the other one carried them out."""

        async def unresumed(self, limit: int = 100, *, away: Any = None) -> list[Any]:
            return [seen]

    slow = ReviewService(Slow(swarm.reviews._engine), swarm.queue, Deaf(), voucher=VOUCHER)  # type: ignore[arg-type]
    await slow.resume_decided()
    assert (await swarm.reviews.card(card.id)).note == ""
    assert len(await swarm.statuses()) == 1


@pytest.mark.parametrize("end", [Decision.REJECT, None])
async def test_a_retried_task_comes_back_with_a_fresh_card_and_the_old_one_says_so(
    swarm: Swarm, end: Decision | None
) -> None:
    await swarm.submit("a")
    await swarm.work()
    [old] = await swarm.reviews.cards()
    if end is None:
        await swarm.reviews.expire(timedelta(0))
    else:
        await swarm.reviews.decide(old.id, end, "ada", "not our tone")
    await swarm.housekeeper().resume_decided()
    await swarm.bring_up_to_date()
    [task] = await swarm.record.tasks(goal_id=swarm.goal.id)
    assert task.error == ("not our tone" if end else f"nobody decided review card {old.id} within 0 h")
    given = await PostgresOrders(swarm.reviews._engine).order_tasks(OrderAction.RETRY, [task.id], "ada", "once more")
    assert given.refused == ()
    async with swarm.record.dispatching() as waiting:
        await swarm.queue.push_tasks(waiting)
    await swarm.work()
    [fresh] = await swarm.reviews.cards()
    assert (fresh.task_id, fresh.generation > old.generation) == (old.task_id, True)
    with pytest.raises(AlreadyDecided, match=f"card {fresh.id} took its place"):
        await swarm.housekeeper().submit_decision(old.id, Decision.APPROVE, "ada")
    card = await swarm.housekeeper().submit_decision(fresh.id, Decision.APPROVE, "ada")
    await swarm.bring_up_to_date()
    assert (card.note, await swarm.statuses()) == ("", [TaskStatus.COMPLETED])


async def test_waves_of_approvals_on_one_state_key_end_and_every_approval_is_accounted_for(swarm: Swarm) -> None:
    keys = [f"t{number}" for number in range(6)]
    await swarm.submit(*keys)
    desks = [swarm.housekeeper() for _ in range(3)]
    for wave in range(1, len(keys) + 1):
        await swarm.work()
        cards = await swarm.reviews.cards()
        assert len(cards) == len(keys) - wave + 1
        assert len(cards[0].rivals(cards)) == len(cards) - 1
        decided = await asyncio.gather(
            *(desks[number % 3].submit_decision(card.id, Decision.APPROVE, "ada") for number, card in enumerate(cards))
        )
        assert sum(card.note == "" for card in decided) == 1, "the others are told that they come back"
    await swarm.bring_up_to_date()
    assert await swarm.statuses() == [TaskStatus.COMPLETED] * len(keys)
    assert sorted((await swarm.state.read(swarm.goal.id, "names")).value) == keys  # type: ignore[arg-type]
    rows = await swarm.reviews.audit(limit=0)
    approved = [row.card_id for row in rows if row.action == "approve"]
    again = [row.card_id for row in rows if row.action == "rerun"]
    assert (len(approved), len(again)) == (21, 15)
    assert set(again) < set(approved)
    noted = [card for card in await swarm.reviews.cards(status=CardStatus.APPROVED, limit=0) if card.note]
    assert {card.id for card in noted} == set(again)
    assert first_broken(rows) is None
