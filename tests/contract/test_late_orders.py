"""Orders meet lives of tasks and goals that are over: on a real pair of servers, each is obeyed in the life that it means."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from chimera_cli.adapters.postgres_orders import PostgresOrders
from chimera_cli.adapters.redis_control import RedisControl
from chimera_cli.models.goal import GoalStatus
from chimera_cli.models.identity import task_id
from chimera_cli.models.order import Order, OrderAction
from chimera_cli.models.task import TaskStatus
from chimera_cli.services.control import ControlService
from tests.builders import GOAL, a_result, a_spec
from tests.contract.swarm_pair import Pair, open_pair

pytestmark = pytest.mark.integration
CANCEL, RETRY, PAUSE = OrderAction.CANCEL, OrderAction.RETRY, OrderAction.PAUSE
ONE = task_id(GOAL, "one")


@pytest_asyncio.fixture
async def pair(redis_url: str, fresh_database: str) -> AsyncIterator[Pair]:
    async with open_pair(redis_url, fresh_database) as opened:
        yield opened


class AsleepOrders(PostgresOrders):
    """The open orders as somebody read them who slept since."""

    asleep: tuple[Order, ...] = ()

    async def open(self, after: int = 0, limit: int = 100) -> list[Order]:
        return [order for order in self.asleep if order.seq > after]


async def sleeper(pair: Pair) -> ControlService:
    """Read the open orders, as a housekeeper who then sleeps until others have carried them out."""
    orders = AsleepOrders(pair.engine)
    orders.asleep = tuple(await PostgresOrders(pair.engine).open())
    assert orders.asleep
    control = RedisControl(pair.client, pair.keys)
    telemetry = pair.review_service._telemetry
    return ControlService(orders, control, record=pair.record, queue=pair.queue, telemetry=telemetry)


async def order(pair: Pair, action: OrderAction) -> None:
    """Order it about the task and carry it out, as the command does."""
    assert (await pair.control.order_tasks(action, [ONE], "ana")).refused == ()
    await pair.orchestrator.obey()


async def test_an_order_to_cancel_that_was_carried_out_by_others_does_not_end_the_retried_task(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec("one"), a_spec("two"))
    await pair.control.order_tasks(CANCEL, [ONE], "ana")
    late = await sleeper(pair)
    await pair.orchestrator.obey()
    assert (await pair.task(GOAL, "one")).status is TaskStatus.CANCELLED
    await order(pair, RETRY)
    await late.carry_out()
    await pair.orchestrator.tick()
    assert (await pair.task(GOAL, "one")).status is TaskStatus.QUEUED


@pytest.mark.parametrize("end", [TaskStatus.FAILED, TaskStatus.CANCELLED])
async def test_a_cancel_after_a_retry_is_obeyed_though_redis_still_holds_the_end_before(
    pair: Pair, end: TaskStatus
) -> None:
    await pair.submit(GOAL, a_spec("one"), a_spec("two"))
    if end is TaskStatus.FAILED:
        await pair.queue.fail((await pair.claim()).lease, "broken")
    else:
        await pair.control.order_tasks(CANCEL, [ONE], "ana")
        await pair.control.carry_out()
    events, _ = await pair.events.read(0)
    await pair.record.record(events)
    assert (await pair.task(GOAL, "one")).status is end
    await pair.control.order_tasks(RETRY, [ONE], "ana")
    await pair.control.order_tasks(CANCEL, [ONE], "bob")
    await pair.orchestrator.obey()
    assert (await pair.task(GOAL, "one")).status is TaskStatus.CANCELLED
    assert pair.rows("SELECT note FROM orders WHERE operator = 'bob' AND done_at IS NOT NULL") == [("",)]


async def retried_after_a_pause(pair: Pair) -> None:
    """A goal is paused, ends with its last task, and is put to work again."""
    await pair.submit(GOAL, a_spec("one"))
    await pair.control.order_goals(PAUSE, [GOAL], "ana")
    await pair.orchestrator.obey()
    await order(pair, CANCEL)
    assert (await pair.record.goal(GOAL)).status is GoalStatus.FAILED
    await order(pair, RETRY)
    assert (await pair.record.goal(GOAL)).paused_at is None


async def test_a_goal_that_ended_while_paused_is_not_paused_by_the_next_start_of_redis(pair: Pair) -> None:
    await retried_after_a_pause(pair)
    await pair.restarted()
    await pair.orchestrator.tick()
    await pair.queue.complete((await pair.claim()).lease, a_result())
    await pair.orchestrator.tick()
    assert (await pair.record.goal(GOAL)).status is GoalStatus.COMPLETED


async def test_a_pause_from_before_the_goals_end_is_not_obeyed_by_somebody_who_slept(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec("one"))
    await pair.control.order_goals(PAUSE, [GOAL], "ana")
    late = await sleeper(pair)
    await pair.orchestrator.obey()
    await order(pair, CANCEL)
    await order(pair, RETRY)
    await late.carry_out()
    await pair.queue.complete((await pair.claim()).lease, a_result())
