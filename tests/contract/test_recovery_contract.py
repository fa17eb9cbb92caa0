"""What RecoveryPort promises, on every Redis: nothing moves unvouched, who may vouch, and turns."""

from datetime import timedelta

import pytest

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import RedisClient
from chimera_cli.adapters.redis_events import RedisEventStream
from chimera_cli.adapters.redis_queue import RedisTaskQueue
from chimera_cli.adapters.redis_recovery import RedisRecovery
from chimera_cli.exceptions import BackendUnavailable, StaleLease
from chimera_cli.models.delivery import Delivery, Dispatch, Lease, Stage
from chimera_cli.models.policy import LeasePolicy
from chimera_cli.models.recovery import Mandate, Survey
from chimera_cli.models.task import TaskStatus
from tests.builders import GOAL, a_card, a_dispatch, a_judgement, a_result, a_task
from tests.contract.conftest import MakeQueue

NOW = timedelta(0)
TASK = a_task()
LEASE = Lease(task_id=TASK.id, goal_id=GOAL, generation=1, agent="agent-1", stage=Stage.WORK)
CHANGES = {
    "push": lambda queue: queue.push_tasks([a_dispatch()]),
    "claim": lambda queue: queue.pop_tasks(Stage.WORK, ["agent-1"]),
    "extend": lambda queue: queue.extend([LEASE]),
    "complete": lambda queue: queue.complete(LEASE, a_result()),
    "hand over": lambda queue: queue.hand_over(LEASE, a_result()),
    "retry": lambda queue: queue.retry(LEASE, NOW, "x"),
    "park": lambda queue: queue.park(LEASE, NOW),
    "fail": lambda queue: queue.fail(LEASE, "x"),
    "give back": lambda queue: queue.give_back(LEASE),
    "rerun": lambda queue: queue.rerun(LEASE, "x"),
    "judge": lambda queue: queue.approve(LEASE, a_judgement()),
    "resume": lambda queue: queue.resume(a_card(TASK, 1)),
    "promote": lambda queue: queue.promote(),
    "reap": lambda queue: queue.reap(3),
    "expire": lambda queue: queue.expire(),
    "settle": lambda queue: queue.settle(),
    "forget": lambda queue: queue.forget([(GOAL, TASK.id)], []),
}

MADE_UP = {
    "rebuild": lambda recovery, given: recovery.rebuild(given, recorded=""),
    "restore": lambda recovery, given: recovery.restore(given, [of_turn(5, a_dispatch())]),
    "wipe": lambda recovery, given: recovery.wipe(given),
}


@pytest.fixture
def recovery(user: RedisClient, keys: Keys) -> RedisRecovery:
    return RedisRecovery(user, keys)


@pytest.fixture
def closed(user: RedisClient, keys: Keys) -> RedisTaskQueue:
    """A queue that nobody vouches for yet."""
    return RedisTaskQueue(user, keys, LeasePolicy())


async def claim(queue: RedisTaskQueue, agent: str = "agent-1") -> Delivery:
    [delivery] = await queue.pop_tasks(Stage.WORK, [agent])
    assert isinstance(delivery, Delivery)
    return delivery


def mandate(survey: Survey, turn: int) -> Mandate:
    return Mandate(shard=0, run=survey.run, turn=turn)


def of_turn(turn: int, dispatch: Dispatch) -> Dispatch:
    return dispatch.model_copy(update={"turn": turn})


@pytest.mark.parametrize("change", CHANGES)
async def test_nothing_changes_work_while_nobody_vouches(closed: RedisTaskQueue, change: str) -> None:
    with pytest.raises(BackendUnavailable, match="compared with the record"):
        await CHANGES[change](closed)


async def test_one_may_look_while_nobody_vouches(closed: RedisTaskQueue, recovery: RedisRecovery) -> None:
    assert (await closed.counts()).waiting == 0
    survey = await recovery.survey(0)
    assert not survey.vouched
    assert (survey.newest, survey.vouched_run) == ("", "")


async def test_a_shard_that_was_vouched_for_goes_on(closed: RedisTaskQueue, recovery: RedisRecovery) -> None:
    survey = await recovery.survey(0, turn=5)
    assert await recovery.vouch(mandate(survey, 5), grace=NOW)
    assert (await recovery.survey(0)).vouched
    assert await closed.push_tasks([of_turn(6, a_dispatch())]) == 1


async def test_only_the_newest_comparison_may_vouch_and_only_once(recovery: RedisRecovery) -> None:
    survey = await recovery.survey(0, turn=5)
    await recovery.survey(0, turn=6)
    assert not await recovery.vouch(mandate(survey, 5), grace=NOW)
    assert await recovery.vouch(mandate(survey, 6), grace=NOW)
    assert not await recovery.vouch(mandate(survey, 7), grace=NOW)


async def test_a_comparison_with_a_server_that_was_started_anew_since_is_void(recovery: RedisRecovery) -> None:
    survey = await recovery.survey(0, turn=5)
    before = survey.model_copy(update={"run": "0" * 40})
    assert not await recovery.vouch(mandate(before, 5), grace=NOW)


@pytest.mark.parametrize("change", ["rebuild", "restore", "wipe", "vouch"])
async def test_a_comparison_is_void_when_the_shard_loses_its_data_in_the_middle(
    recovery: RedisRecovery, client: RedisClient, keys: Keys, change: str
) -> None:
    """FLUSHALL leaves the id of the server's run as it is."""
    given = mandate(await recovery.survey(0, turn=5), 5)
    await recovery.rebuild(given, recorded="")
    await client.delete(*[name async for name in client.scan_iter(match=f"{keys.shard(0)}:*")])
    if change == "vouch":
        assert not await recovery.vouch(given, grace=NOW)
    else:
        with pytest.raises(BackendUnavailable, match="lost its data"):
            await MADE_UP[change](recovery, given)
    assert not (await recovery.survey(0)).vouched
    assert [name async for name in client.scan_iter(match=f"{keys.shard(0)}:*")] == []


async def test_a_run_id_of_another_server_closes_the_gate(
    queue: RedisTaskQueue, client: RedisClient, keys: Keys, recovery: RedisRecovery
) -> None:
    await queue.push_tasks([a_dispatch()])
    await client.set(f"{keys.shard(0)}:run", "0" * 40)
    with pytest.raises(BackendUnavailable):
        await queue.pop_tasks(Stage.WORK, ["agent-1"])
    survey = await recovery.survey(0)
    assert (survey.vouched, survey.vouched_run) == (False, "0" * 40)
    assert survey.newest


async def test_events_go_on_above_all_that_was_recorded(
    closed: RedisTaskQueue, recovery: RedisRecovery, events: RedisEventStream
) -> None:
    future = "9000000000000-18"
    given = mandate(await recovery.survey(0, turn=1), 1)
    await recovery.rebuild(given, recorded=future)
    survey = await recovery.survey(0)
    assert (survey.newest, survey.rebuilding) == ("9000000000000-19", True)
    assert await recovery.vouch(given, grace=NOW)
    assert not (await recovery.survey(0)).rebuilding
    await closed.push_tasks([of_turn(1, a_dispatch())])
    [event], last = await events.read(0)
    assert (event.name, last) == ("task.queued", "9000000000000-20")
    assert await events.read(0, after=last) == ([], "")


async def test_nobody_is_robbed_within_the_grace(
    make_queue: MakeQueue, recovery: RedisRecovery, client: RedisClient, keys: Keys
) -> None:
    queue = make_queue(lease_s=0)
    await queue.push_tasks([a_dispatch()])
    delivery = await claim(queue)
    await client.delete(f"{keys.shard(0)}:run")
    await recovery.vouch(mandate(await recovery.survey(0, turn=1), 1), grace=timedelta(minutes=1))
    assert await queue.reap(3) == 0
    await queue.complete(delivery.lease, a_result())


async def test_what_was_read_under_an_older_turn_is_not_pushed(queue: RedisTaskQueue) -> None:
    await queue.push_tasks([of_turn(2, a_dispatch("two"))])
    with pytest.raises(BackendUnavailable, match="Postgres"):
        await queue.push_tasks([of_turn(1, a_dispatch("one"))])
    assert (await queue.counts()).waiting == 1
    assert await queue.push_tasks([of_turn(2, a_dispatch("one"))]) == 1


async def test_nothing_is_forgotten_under_an_older_turn(queue: RedisTaskQueue) -> None:
    await queue.push_tasks([of_turn(2, a_dispatch())])
    await queue.complete((await claim(queue)).lease, a_result())
    assert not await queue.forget([(GOAL, TASK.id)], [], turn=1)
    assert await queue.push_tasks([of_turn(2, a_dispatch())]) == 0
    assert await queue.forget([(GOAL, TASK.id)], [], turn=2)
    assert await queue.push_tasks([of_turn(2, a_dispatch())]) == 1


async def test_an_answer_under_the_right_generation_of_another_agent_changes_nothing(queue: RedisTaskQueue) -> None:
    await queue.push_tasks([a_dispatch()])
    lease = (await claim(queue)).lease
    other = lease.model_copy(update={"agent": "agent-2"})
    with pytest.raises(StaleLease):
        await queue.complete(other, a_result())
    assert await queue.extend([other, lease]) == [other]
    await queue.complete(lease, a_result())


async def test_a_task_goes_on_counting_where_the_record_stands(queue: RedisTaskQueue, events: RedisEventStream) -> None:
    await queue.push_tasks([a_dispatch(version=7, generation=3)])
    assert (await claim(queue)).lease.generation == 4
    told, _ = await events.read(0)
    assert [event.version for event in told] == [8, 9]


async def test_an_ended_task_that_the_record_put_back_replaces_what_is_left_of_it(queue: RedisTaskQueue) -> None:
    await queue.push_tasks([a_dispatch("one"), a_dispatch("two", after=["one"])])
    await queue.fail((await claim(queue)).lease, "no luck")
    assert await queue.push_tasks([a_dispatch(version=2)]) == 0, "the record has not heard of the end yet"
    assert await queue.push_tasks([a_dispatch(version=3, generation=1)]) == 1
    delivery = await claim(queue)
    assert delivery.lease.generation == 2
    await queue.forget([(GOAL, TASK.id)], [])
    await queue.complete(delivery.lease, a_result())


async def test_children_that_were_not_told_wait_on_for_a_parent_that_lives_again(
    queue: RedisTaskQueue, events: RedisEventStream
) -> None:
    children = [a_dispatch(f"t{n}", after=["parent"]) for n in range(150)]
    await queue.push_tasks([a_dispatch("parent"), *children[:100]])
    await queue.push_tasks(children[100:])
    await queue.fail((await claim(queue)).lease, "no luck")
    assert await queue.push_tasks([a_dispatch("parent", version=3)]) == 1
    assert await queue.settle() == 0
    cancelled = [event for event in (await events.read(0))[0] if event.status is TaskStatus.CANCELLED]
    assert len(cancelled) == 100
    await queue.complete((await claim(queue)).lease, a_result())
    assert (await queue.counts()).waiting == 50
