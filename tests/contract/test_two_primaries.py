"""A replica takes over while the old primary still answers: what reaches the old one has no effect, and nothing stays there."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from redis.exceptions import BusyLoadingError

from chimera_cli.adapters.postgres_orders import PostgresOrders
from chimera_cli.adapters.postgres_outbox import PostgresOutbox
from chimera_cli.adapters.postgres_recovery import PostgresRecovery
from chimera_cli.adapters.redis_client import RedisClient
from chimera_cli.adapters.redis_events import RedisEventStream
from chimera_cli.adapters.redis_recovery import RedisRecovery
from chimera_cli.exceptions import BackendUnavailable, SwarmError
from chimera_cli.models.delivery import Delivery, Stage
from chimera_cli.models.epoch import StaleEpoch
from chimera_cli.models.event import TaskEvent
from chimera_cli.models.gate import Route
from chimera_cli.models.goal import GoalStatus
from chimera_cli.models.order import OrderAction
from chimera_cli.models.recovery import Loss, Mandate, Pause
from chimera_cli.models.review import Decision
from chimera_cli.models.task import TaskStatus
from chimera_cli.services.reconciler import Reconciler
from tests.builders import GOAL, a_goal, a_judgement, a_result, a_spec
from tests.contract.swarm_pair import Pair, open_pair
from tests.servers import Servers

pytestmark = pytest.mark.integration
OTHER = "b" * 20
COMPLETED = "SELECT count(*), count(DISTINCT task_id) FROM events WHERE name = 'task.completed'"


@pytest_asyncio.fixture
async def old(redis_url: str, fresh_database: str) -> AsyncIterator[Pair]:
    """The swarm on its first primary, with two tasks that were put in and recorded."""
    async with open_pair(redis_url, fresh_database) as opened:
        await opened.submit(GOAL, a_spec("one"), a_spec("two"))
        await opened.orchestrator.record()
        yield opened


async def replicated(replica: RedisClient, key: str) -> str | None:
    """Read from a replica; None also while it loads what its primary sent."""
    try:
        return await replica.get(key)
    except BusyLoadingError:
        return None


@asynccontextmanager
async def promoted(old: Pair, servers: Servers) -> AsyncIterator[Pair]:
    """Let a replica become a primary with the data of the old one, which goes on to answer."""
    first, second = servers.redis, servers.replica
    async with open_pair(second.url, old.database_url, namespace=old.keys.namespace) as new:
        await new.client.config_set("masterauth", str(urlsplit(first.url).password))
        await new.client.replicaof("127.0.0.1", str(first.port))
        try:
            await old.client.set(f"{old.keys.fleet}:mark", old.keys.namespace)
            while await replicated(new.client, f"{old.keys.fleet}:mark") != old.keys.namespace:
                pass
            await old.client.delete(f"{old.keys.fleet}:mark")
            await old.client.wait(1, 10_000)
        finally:
            await new.client.replicaof("NO", "ONE")
        yield new


@pytest_asyncio.fixture
async def new(old: Pair, servers: Servers) -> AsyncIterator[Pair]:
    """The swarm on the primary that took over."""
    async with promoted(old, servers) as opened:
        await opened.orchestrator.tick()
        yield opened


async def finish(pair: Pair) -> None:
    """Do all that waits for a worker, and record it."""
    for _ in range(3):
        await pair.orchestrator.tick()
        for delivery in await pair.queue.pop_tasks(Stage.WORK, [f"agent-{n}" for n in range(9)]):
            await pair.queue.complete(delivery.lease, a_result())
    await pair.orchestrator.tick()


async def taken_over(pair: Pair) -> None:
    """Let the grace after an interruption pass, and take back what agents of the old primary held."""
    await pair.client.delete(f"{pair.keys.shard(0)}:grace")
    lease = f"{pair.keys.shard(0)}:work:lease"
    for id in await pair.client.zrange(lease, 0, -1):
        await pair.client.zadd(lease, {id: 1})
    await pair.queue.reap(3)


async def test_what_is_done_on_the_old_primary_is_not_recorded_and_is_done_once(old: Pair, new: Pair) -> None:
    await old.queue.complete((await old.claim()).lease, a_result())
    with pytest.raises(StaleEpoch, match="another primary took over: epoch 1 here, 2 in the record"):
        await old.orchestrator.record()
    await finish(new)
    assert old.rows(COMPLETED) == [(2, 2)]
    with pytest.raises(StaleEpoch):
        await old.orchestrator.record()
    assert old.rows(COMPLETED) == [(2, 2)]
    assert (await new.record.goal(GOAL)).status is GoalStatus.COMPLETED


class Blind(RedisEventStream):
    """Says of all events that they come from the current primary: what a swarm without epochs believes."""

    async def read(self, shard: int, limit: int = 1000, *, after: str = "") -> tuple[list[TaskEvent], str]:
        """Read events, all of the current epoch."""
        events, last = await super().read(shard, limit, after=after)
        return [event.model_copy(update={"epoch": 2}) for event in events], last


async def test_without_the_epoch_of_what_is_recorded_a_task_ends_twice(old: Pair, new: Pair) -> None:
    await finish(new)
    for _ in range(2):
        await old.queue.complete((await old.claim()).lease, a_result())
    events, _ = await Blind(old.client, old.keys).read(0)
    await old.record.record(events)
    assert old.rows(COMPLETED) == [(4, 2)]


async def test_a_plan_that_came_in_through_the_old_primary_is_done_by_the_new_one(old: Pair, new: Pair) -> None:
    await old.record.submit(a_goal(OTHER), [a_spec()])
    with pytest.raises(StaleEpoch):
        await old.orchestrator.dispatch()
    assert old.rows("SELECT dispatched_at FROM tasks WHERE goal_id = %s", OTHER) == [(None,)]
    await finish(new)
    assert (await new.record.goal(OTHER)).status is GoalStatus.COMPLETED


async def held_card(pair: Pair) -> str:
    """Have a result of the first task held for a person; returns its card."""
    await pair.queue.hand_over((await pair.claim()).lease, a_result())
    judged = await pair.claim(Stage.JUDGE)
    await pair.queue.hold(judged.lease, a_judgement(Route.REVIEW, digest="d1"))
    await pair.orchestrator.record()
    [(card,)] = pair.rows("SELECT id FROM cards")
    return str(card)


async def test_a_decision_is_carried_out_by_the_new_primary_alone(old: Pair, servers: Servers) -> None:
    card = await held_card(old)
    async with promoted(old, servers) as new:
        await new.orchestrator.tick()
        decided = await old.review_service.submit_decision(card, Decision.REJECT, "ada", "no")
        assert decided.note == ""
        assert old.rows("SELECT resumed_at FROM cards") == [(None,)]
        with pytest.raises(StaleEpoch):
            await old.review_service.resume_decided()
        assert old.rows("SELECT resumed_at FROM cards") == [(None,)]
        await new.orchestrator.tick()
        assert (await new.task(GOAL, "one")).status is TaskStatus.REJECTED


@pytest.mark.parametrize("action", [OrderAction.PAUSE, OrderAction.CANCEL])
async def test_an_order_is_obeyed_by_the_new_primary_alone(old: Pair, new: Pair, action: OrderAction) -> None:
    await old.control.order_goals(action, [GOAL], "ada")
    with pytest.raises(StaleEpoch):
        await old.control.carry_out()
    assert old.rows("SELECT count(*) FROM orders WHERE done_at IS NULL") == [(1,)]
    assert await new.control.carry_out() == 1
    assert await new.queue.pop_tasks(Stage.WORK, ["agent"]) == []


async def test_an_order_about_tasks_is_obeyed_by_the_new_primary_alone(old: Pair, new: Pair) -> None:
    task = (await new.task(GOAL, "one")).id
    await old.control.order_tasks(OrderAction.CANCEL, [task], "ada")
    with pytest.raises(StaleEpoch):
        await old.control.carry_out()
    assert await new.control.carry_out() == 1
    await new.orchestrator.record()
    assert (await new.task(GOAL, "one")).status is TaskStatus.CANCELLED


async def test_what_was_carried_out_on_the_old_primary_is_not_noted_as_done(old: Pair, servers: Servers) -> None:
    card = await held_card(old)
    await old.reviews.decide(card, Decision.REJECT, "ada", "no")
    await old.control.order_goals(OrderAction.PAUSE, [GOAL], "ada")
    before = await old.record.epochs()
    orders = PostgresOrders(old.engine)
    [order] = await orders.open()
    async with promoted(old, servers) as new:
        await new.orchestrator.reconcile()
        with pytest.raises(StaleEpoch):
            await old.reviews.mark_resumed(card, epochs=before)
        with pytest.raises(StaleEpoch):
            await orders.close([order.seq], epochs=before)
        assert old.rows("SELECT count(*) FROM cards WHERE resumed_at IS NULL") == [(1,)]
        assert old.rows("SELECT count(*) FROM orders WHERE done_at IS NULL") == [(1,)]


REFUSED: dict[str, Callable[[Pair, Delivery], Awaitable[object]]] = {
    "post": lambda pair, held: PostgresOutbox(pair.engine).append("k", "x", {}, epochs=held.lease.epochs),
    "execution": lambda pair, held: pair.record.demand_live(held.lease),
}


@pytest.mark.parametrize("effect", REFUSED)
async def test_nothing_is_done_outside_for_what_was_claimed_from_the_old_primary(
    old: Pair, new: Pair, effect: str
) -> None:
    with pytest.raises(StaleEpoch):
        await REFUSED[effect](old, await old.claim())
    assert old.rows("SELECT count(*) FROM posts") == [(0,)]
    await REFUSED[effect](new, await new.claim())


async def test_nothing_is_forgotten_or_trimmed_on_the_old_primary(old: Pair, new: Pair) -> None:
    await old.queue.complete((await old.claim()).lease, a_result())
    events, last = await old.events.read(0)
    current = {"turn": await old.record.turn(), "epochs": await old.record.epochs()}
    with pytest.raises(StaleEpoch):
        await old.queue.forget([(GOAL, (await old.task(GOAL, "one")).id)], [GOAL], **current)
    with pytest.raises(StaleEpoch):
        await old.events.trim(0, last, recorded=last, epochs=current["epochs"])
    assert (await old.events.read(0))[0] == events


async def test_a_process_on_the_old_primary_notices_in_one_round_stops_claiming_and_hangs_up(
    old: Pair, new: Pair
) -> None:
    before = await old.client.client_id()
    with pytest.raises(StaleEpoch, match="epoch 1 here, 2 in the record"):
        await old.orchestrator.tick()
    assert await old.client.client_id() > before, "the connections from before are closed"
    for _ in range(2):
        with pytest.raises(StaleEpoch, match="epoch 1 here, 2 in the record"):
            await old.queue.pop_tasks(Stage.WORK, ["agent"])
        with pytest.raises(StaleEpoch):
            await old.orchestrator.tick()
    await finish(new)
    assert old.rows(COMPLETED) == [(2, 2)]


async def test_a_process_whose_connection_leads_to_the_new_primary_goes_on(
    old: Pair, new: Pair, servers: Servers
) -> None:
    with pytest.raises(StaleEpoch):
        await old.orchestrator.tick()
    async with open_pair(servers.replica.url, old.database_url, namespace=old.keys.namespace) as again:
        await finish(again)
    assert old.rows(COMPLETED) == [(2, 2)]


async def test_an_old_primary_that_was_started_anew_waits_while_the_new_one_is_in_use(old: Pair, new: Pair) -> None:
    await old.restarted()
    with pytest.raises(StaleEpoch):
        await old.orchestrator.tick()
    with pytest.raises(BackendUnavailable):
        await old.queue.pop_tasks(Stage.WORK, ["agent"])
    await finish(new)
    assert old.rows(COMPLETED) == [(2, 2)]


async def test_an_old_primary_that_was_started_anew_takes_over_from_one_that_is_not_in_use_and_is_made_from_the_record(
    old: Pair, new: Pair
) -> None:
    await new.queue.complete((await new.claim()).lease, a_result())
    await new.orchestrator.tick()
    for _ in range(2):  # Its events have higher ids than the recorded ones, and belong to another story.
        await old.queue.complete((await old.claim()).lease, a_result())
    await old.restarted()
    old.write("UPDATE shards SET seen_at = seen_at - interval '1 minute'")
    await finish(old)
    assert old.rows(COMPLETED) == [(2, 2)]
    assert old.rows("SELECT cause FROM recoveries ORDER BY seq DESC LIMIT 1") == [(Loss.BEHIND,)]
    with pytest.raises(StaleEpoch, match="epoch 2 here, 3 in the record"):
        await new.orchestrator.tick()


async def test_who_works_with_the_current_primary_notes_it_now_and_then(old: Pair) -> None:
    old.write("UPDATE shards SET seen_at = seen_at - interval '1 minute'")
    await old.orchestrator.reconcile()
    [(age,)] = old.rows("SELECT clock_timestamp() - seen_at FROM shards")
    assert age < timedelta(minutes=1)
    noted = old.rows("SELECT seen_at FROM shards")
    await old.orchestrator.reconcile()
    assert old.rows("SELECT seen_at FROM shards") == noted


class Dying(RedisRecovery):
    """A process that dies between the commit of a new epoch and telling Redis."""

    async def vouch(self, mandate: Mandate, *, grace: timedelta, paused: tuple[Pause, ...] = ()) -> bool:
        """Die."""
        raise BackendUnavailable("Redis", "this process is gone")


async def test_an_epoch_of_which_redis_was_not_told_costs_no_work_and_is_followed_by_the_next(old: Pair) -> None:
    held = await old.claim()
    await old.orchestrator.record()
    await old.restarted()
    hands, told = Dying(old.client, old.keys), SimpleNamespace(emit=old.said.append)
    dying = Reconciler(hands, PostgresRecovery(old.engine), old.events, told, grace=timedelta(seconds=60))
    with pytest.raises(BackendUnavailable, match="gone"):
        await dying.reconcile()
    with pytest.raises(BackendUnavailable, match="compared"):
        await old.queue.extend([held.lease])
    await old.orchestrator.tick()
    assert await old.record.epochs() == {0: 3}
    assert old.rows("SELECT DISTINCT cause FROM recoveries") == [(Loss.RESTARTED,)]
    await old.queue.complete(held.lease, a_result())
    await finish(old)
    assert old.rows(COMPLETED) == [(2, 2)]


async def test_a_record_of_an_older_epoch_is_found_out_and_the_next_epoch_is_above_both(old: Pair) -> None:
    for _ in range(3):
        await old.restarted()
        await old.orchestrator.tick()
    old.write("UPDATE shards SET epoch = 2")
    await old.queue.complete((await old.claim()).lease, a_result())
    with pytest.raises(StaleEpoch, match="epoch 4 here, 2 in the record"):
        await old.orchestrator.record()
    await old.orchestrator.tick()
    assert await old.record.epochs() == {0: 5}
    assert old.rows("SELECT cause FROM recoveries ORDER BY seq DESC LIMIT 1") == [(Loss.RECORD_BEHIND,)]
    await finish(old)
    assert old.rows(COMPLETED) == [(2, 2)]


async def test_a_fleet_of_a_release_without_epochs_goes_on_after_the_migration(old: Pair) -> None:
    await old.client.delete(f"{old.keys.shard(0)}:epoch")
    old.write("UPDATE shards SET epoch = 0, run = '', seen_at = NULL")
    await finish(old)
    assert old.rows(COMPLETED) == [(2, 2)]
    assert await old.record.epochs() == {0: 0}
    await old.submit(OTHER, a_spec())
    await old.restarted()
    await finish(old)
    assert await old.record.epochs() == {0: 1}
    assert (await old.record.goal(OTHER)).status is GoalStatus.COMPLETED


async def test_with_several_shards_one_that_was_replaced_keeps_no_other_one_standing_still(
    redis_url: str, fresh_database: str
) -> None:
    async with open_pair(redis_url, fresh_database, shards=2) as pair:
        await pair.orchestrator.tick()
        pair.write("UPDATE shards SET epoch = 9 WHERE shard = 0")
        await pair.client.delete(f"{pair.keys.shard(1)}:run")
        with pytest.raises(SwarmError, match="epoch 1 here, 9 in the record"):
            await pair.orchestrator.tick()
        assert (await pair.recovery.survey(1)).vouched
        assert (await pair.recovery.survey(0)).deposed
