"""Redis is emptied or set back while tasks stand in every status: each goes on where the record has it, nothing is done twice."""

from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from chimera_cli.adapters.postgres_outbox import PostgresOutbox
from chimera_cli.adapters.postgres_recovery import PostgresRecovery
from chimera_cli.exceptions import BackendUnavailable, StaleLease
from chimera_cli.handlers.context import Ending, LiveOutbox
from chimera_cli.models.delivery import Delivery, Stage
from chimera_cli.models.epoch import StaleEpoch
from chimera_cli.models.gate import Judgement, Route
from chimera_cli.models.goal import GoalStatus
from chimera_cli.models.identity import content_digest, task_id
from chimera_cli.models.order import OrderAction
from chimera_cli.models.recovery import Loss, Mandate
from chimera_cli.models.release import ReviewMode, Seal
from chimera_cli.models.result import StateChange, TaskResult, VersionedValue
from chimera_cli.models.review import CardStatus, Decision
from chimera_cli.models.task import Phase, TaskStatus
from chimera_cli.models.telemetry import Level
from chimera_cli.services.reconciler import Reconciler
from tests.builders import GOAL, VOUCHER, a_judgement, a_result, a_spec
from tests.contract.swarm_pair import Pair, open_pair

pytestmark = pytest.mark.integration

HANDS = ("survey", "versions", "rebuild", "wipe", "restore")
HELD = TaskResult(
    output={"text": "hello"},
    changes=(StateChange(key="calendar", expected=0, value=["mon"]),),
    executes=True,
    mergeable=True,
)


@pytest_asyncio.fixture
async def pair(redis_url: str, fresh_database: str) -> AsyncIterator[Pair]:
    async with open_pair(redis_url, fresh_database) as opened:
        yield opened


def judged(delivery: Delivery) -> Judgement:
    """What the gate says of HELD, bound to it."""
    held = delivery.lease.task_id, {}, HELD.output, "p1", "r1"
    judgement = a_judgement(Route.REVIEW, digest=content_digest(*held, changes=delivery.written))
    return judgement.model_copy(update={"changes": delivery.written})


def sealed(delivery: Delivery) -> Seal | None:
    """What vouches for that."""
    what = {"task_id": delivery.lease.task_id, "kind": delivery.kind, "digest": judged(delivery).digest}
    return VOUCHER.seal(ReviewMode.GATE, **what, who="judge-1")


def vouched(delivery: Delivery) -> bool:
    """Whether a worker would execute it."""
    what = {"task_id": delivery.lease.task_id, "kind": delivery.kind, "digest": delivery.digest}
    return delivery.seal is not None and VOUCHER.vouches(delivery.seal, **what)


async def queued(pair: Pair, kind: str) -> None:
    """A task waits for a worker."""


async def running(pair: Pair, kind: str) -> None:
    await pair.claim(kinds=[kind])


async def delayed(pair: Pair, kind: str) -> None:
    await pair.queue.retry((await pair.claim(kinds=[kind])).lease, timedelta(hours=1), "try later")


async def judging(pair: Pair, kind: str) -> None:
    await pair.queue.hand_over((await pair.claim(kinds=[kind])).lease, HELD)


async def held(pair: Pair, kind: str) -> None:
    await judging(pair, kind)
    delivery = await pair.claim(Stage.JUDGE, kinds=[kind])
    await pair.queue.hold(delivery.lease, judged(delivery))


async def approved(pair: Pair, kind: str) -> None:
    await judging(pair, kind)
    delivery = await pair.claim(Stage.JUDGE, kinds=[kind])
    await pair.queue.approve(delivery.lease, judged(delivery), sealed(delivery))


async def executing(pair: Pair, kind: str) -> None:
    await approved(pair, kind)
    await pair.claim(kinds=[kind])


PROPOSALS = {queued: 1, running: 1, delayed: 1, judging: 0, held: 0, approved: 0, executing: 0}
"""Ways to stand, and how many proposals a task needs from there to its end."""


async def to_the_end(pair: Pair) -> list[Delivery]:
    """Do whatever is left to do, as workers, judges and an operator would; returns the deliveries to workers."""
    done: list[Delivery] = []
    agents = [f"agent-{n}" for n in range(10)]
    for _ in range(6):
        await pair.orchestrator.tick()
        for card in await pair.reviews.cards(status=CardStatus.PENDING):
            what = {"task_id": card.task_id, "kind": card.kind, "digest": card.judgement.digest}
            seal = VOUCHER.seal(ReviewMode.PERSON, **what, who="ada")
            await pair.reviews.decide(card.id, Decision.APPROVE, "ada", "", seal=seal)
        for delivery in await pair.queue.pop_tasks(Stage.JUDGE, agents):
            assert isinstance(delivery, Delivery)
            await pair.queue.approve(delivery.lease, judged(delivery), sealed(delivery))
        for delivery in await pair.queue.pop_tasks(Stage.WORK, agents):
            assert isinstance(delivery, Delivery)
            done.append(delivery)
            if delivery.phase is Phase.PROPOSE:
                await pair.queue.hand_over(delivery.lease, HELD)
            else:
                await pair.queue.complete(delivery.lease, a_result("published"), digest=delivery.digest)
    return done


@pytest.mark.parametrize("what", ["everything", "all since the tasks were put in"])
async def test_a_task_goes_on_from_where_the_record_has_it(pair: Pair, what: str) -> None:
    goals = {stand: f"{number:x}" * 20 for number, stand in enumerate(PROPOSALS)}
    for stand, goal in goals.items():
        await pair.submit(goal, a_spec(kind=stand.__name__))
    old = {} if what == "everything" else await pair.snapshot()
    for stand in PROPOSALS:
        await stand(pair, stand.__name__)
    await pair.orchestrator.record()
    before = {stand: await pair.task(goal, "one") for stand, goal in goals.items()}
    await pair.put_back(old)

    done = await to_the_end(pair)
    for stand, goal in goals.items():
        mine = [delivery for delivery in done if delivery.lease.goal_id == goal]
        phases = [delivery.phase for delivery in mine]
        assert phases == [Phase.PROPOSE] * PROPOSALS[stand] + [Phase.EXECUTE], stand.__name__
        assert vouched(mine[-1]), stand.__name__
        after = await pair.task(goal, "one")
        assert (after.status, after.output) == (TaskStatus.COMPLETED, "published")
        assert after.version > before[stand].version
        assert mine[0].lease.generation > before[stand].generation
        assert mine[0].number == (2 if stand in (running, delayed, executing) else 1), stand.__name__
        assert (mine[-1].written, mine[-1].output) == ({"calendar": ["mon"]}, HELD.output)
        assert await pair.record.state(goal) == {"calendar": VersionedValue(value=["mon"], version=1)}
        assert (await pair.record.goal(goal)).status is GoalStatus.COMPLETED
    told = pair.rows("SELECT count(*), count(DISTINCT task_id) FROM events WHERE name = 'task.completed'")
    assert told == [(len(goals), len(goals))]
    assert (await pair.record.ledger()).balanced
    left = {name.rpartition("}:")[2] for name in await pair.snapshot()}
    assert left <= {"out", "run", "epoch", "turn", "grace", "recorded", "clock", "work:bell", "judge:bell"}


async def test_who_worked_when_redis_was_emptied_is_refused_and_told_so(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec())
    lease = (await pair.claim()).lease
    await pair.orchestrator.record()
    await pair.put_back({})
    with pytest.raises(BackendUnavailable, match="compared with the record"):
        await pair.queue.complete(lease, a_result())
    await pair.orchestrator.tick()
    assert await pair.queue.extend([lease]) == [lease], "lost, as the beat tells its holder"
    again = await pair.claim()
    assert again.lease.generation == lease.generation + 1
    with pytest.raises(StaleLease):
        await pair.queue.complete(lease, a_result())


async def test_what_comes_twice_under_one_generation_is_told_apart_by_its_agent(pair: Pair) -> None:
    """The claim was never recorded, and is lost with the last second."""
    await pair.submit(GOAL, a_spec())
    await pair.orchestrator.record()
    old = await pair.snapshot()
    lease = (await pair.claim(agent="slow")).lease
    await pair.put_back(old)
    await pair.orchestrator.tick()
    again = (await pair.claim(agent="other")).lease
    assert again.generation == lease.generation
    with pytest.raises(StaleLease):
        await pair.queue.complete(lease, a_result())
    await pair.queue.complete(again, a_result())


@pytest.mark.parametrize("recorded", [True, False])
async def test_children_of_a_parent_whose_end_redis_forgot_are_told_of_it(pair: Pair, recorded: bool) -> None:
    await pair.submit(GOAL, a_spec("parent"), a_spec("child", depends_on=("parent",)))
    old = await pair.snapshot()
    await pair.queue.complete((await pair.claim()).lease, a_result("from the parent"))
    if recorded:
        await pair.orchestrator.record()
    await pair.put_back(old)
    await pair.orchestrator.tick()
    if not recorded:
        await pair.queue.complete((await pair.claim()).lease, a_result("from the parent"))
    child = await pair.claim()
    assert (child.key, child.inputs) == ("child", {"parent": "from the parent"})
    await pair.queue.complete(child.lease, a_result())
    await pair.orchestrator.tick()
    assert (await pair.record.goal(GOAL)).status is GoalStatus.COMPLETED


async def test_a_child_waits_on_for_a_parent_that_was_put_back(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec("parent"), a_spec("child", depends_on=("parent",)))
    await pair.orchestrator.record()
    await pair.put_back({})
    await pair.orchestrator.tick()
    await pair.queue.complete((await pair.claim()).lease, a_result(7))
    assert (await pair.claim()).inputs == {"parent": 7}


async def test_state_goes_on_from_its_recorded_version(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec("one"), a_spec("two"))
    old = await pair.snapshot()
    await pair.queue.complete((await pair.claim()).lease, a_result(calendar=(0, "x")))
    await pair.orchestrator.record()
    await pair.put_back(old)
    await pair.orchestrator.tick()
    assert pair.rows("SELECT cause, restored FROM recoveries") == [("behind", 1)]
    await pair.queue.complete((await pair.claim()).lease, a_result(calendar=(1, "y")))
    await pair.orchestrator.tick()
    assert (await pair.record.state(GOAL))["calendar"] == VersionedValue(value="y", version=2)


async def test_a_decision_that_redis_forgot_is_carried_out_once_more(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec())
    await held(pair, "noop")
    await pair.orchestrator.record()
    old = await pair.snapshot()
    [card] = await pair.reviews.cards()
    await pair.reviews.decide(card.id, Decision.APPROVE, "ada", "")
    await pair.review_service.resume_decided()
    await pair.put_back(old)
    assert await pair.reviews.unresumed() == []
    [execution] = await to_the_end(pair)
    assert pair.rows("SELECT cause, dispatched, restored, decisions FROM recoveries") == [("restarted", 0, 0, 1)]
    assert execution.phase is Phase.EXECUTE
    assert (await pair.task(GOAL, "one")).status is TaskStatus.COMPLETED


async def test_a_task_that_was_put_in_and_lost_before_anybody_heard_of_it_is_dispatched_again(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec("first"))
    await pair.orchestrator.record()
    old = await pair.snapshot()
    await pair.record.add_tasks(GOAL, [a_spec("second")])
    await pair.orchestrator.dispatch()
    await pair.put_back(old)
    await pair.orchestrator.tick()
    assert pair.rows("SELECT cause, dispatched, restored FROM recoveries") == [("restarted", 1, 0)]
    assert {(await pair.claim()).key, (await pair.claim()).key} == {"first", "second"}


async def test_a_revised_task_keeps_the_judges_words(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec())
    await judging(pair, "noop")
    await pair.queue.revise((await pair.claim(Stage.JUDGE)).lease, a_judgement(Route.REJECT))
    await pair.orchestrator.record()
    await pair.put_back({})
    await pair.orchestrator.tick()
    delivery = await pair.claim()
    assert (delivery.revisions, delivery.feedback, delivery.attempt) == (1, "it reads well", 1)


async def test_attempts_are_counted_on(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec(max_retries=3))
    for _ in range(2):
        await pair.queue.retry((await pair.claim()).lease, timedelta(0), "no luck")
        await pair.queue.promote()
    await pair.claim()
    await pair.orchestrator.record()
    await pair.put_back({})
    await pair.orchestrator.tick()
    assert (await pair.claim()).attempt == 3
    await pair.orchestrator.record()
    assert (await pair.task(GOAL, "one")).attempts == 3


async def test_an_interruption_in_the_middle_of_the_comparison_begins_it_again(pair: Pair) -> None:
    await pair.submit(GOAL, *(a_spec(f"t{n}") for n in range(20)))
    await pair.orchestrator.record()
    await pair.claim()
    await pair.orchestrator.record()
    await pair.put_back({})
    first = Mandate(shard=0, run=(await pair.recovery.survey(0, turn=10**16)).run, turn=10**16)
    await pair.recovery.rebuild(first, recorded=pair.rows("SELECT last_entry FROM shards")[0][0])
    async with pair.comparing() as comparison:
        some = [mark.task_id async for page in comparison.live(unheard=False) for mark in page][:5]
        dispatches = [one async for page in comparison.dispatches(some) for one in page]
    await pair.recovery.restore(first, [d.model_copy(update={"turn": 10**16}) for d in dispatches])
    await pair.client.set(f"{pair.keys.shard(0)}:turn", 0)
    await pair.orchestrator.tick()
    assert pair.rows("SELECT cause, restored FROM recoveries") == [("behind", 20)]
    claimed = await pair.queue.pop_tasks(Stage.WORK, [f"agent-{n}" for n in range(30)])
    assert len(claimed) == 20


async def test_a_reconciler_that_slept_while_another_did_it_can_change_nothing(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec())
    await pair.orchestrator.record()
    await pair.put_back({})
    async with pair.comparing() as comparison:
        mandate = Mandate(shard=0, run=(await pair.recovery.survey(0, turn=comparison.turn)).run, turn=comparison.turn)
        [stale] = [page async for page in comparison.dispatches([task_id(GOAL, "one")])]
    await pair.orchestrator.tick()
    await pair.queue.complete((await pair.claim()).lease, a_result())
    await pair.orchestrator.tick()
    with pytest.raises(BackendUnavailable, match="somebody else"):
        await pair.recovery.restore(mandate, stale)
    with pytest.raises(BackendUnavailable, match="somebody else"):
        await pair.recovery.wipe(mandate)
    with pytest.raises(BackendUnavailable, match="somebody else"):
        await pair.recovery.rebuild(mandate, recorded="")
    assert not await pair.recovery.vouch(mandate, grace=timedelta(0))
    assert (await pair.queue.counts()).waiting == 0


async def test_the_operator_hears_what_happened_and_how_much_was_dispatched_again(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec("one"), a_spec("two"), a_spec("three", depends_on=("one",)))
    assert [event for event in pair.said if event.name == "recovery.done"] == []
    assert await pair.record.recovery() is None
    await pair.orchestrator.record()
    await pair.put_back({})
    await pair.orchestrator.tick()
    [told] = [event for event in pair.said if event.name == "recovery.done"]
    assert told.level is Level.WARN
    assert told.message == "Redis had lost everything: 3 tasks were put back"
    assert (told.fields["cause"], told.fields["restored"], told.fields["dispatched"]) == (Loss.EMPTIED, 2, 1)
    kept = await pair.record.recovery()
    assert kept
    assert (kept.sentence, kept.at is None) == (told.message, False)


async def test_a_restart_that_lost_nothing_is_no_warning(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec())
    await pair.orchestrator.record()
    await pair.restarted()
    await pair.orchestrator.tick()
    [told] = [event for event in pair.said if event.name == "recovery.done"]
    assert (told.level, told.fields["cause"]) == (Level.INFO, Loss.RESTARTED)


async def test_an_order_that_redis_forgot_is_carried_out_once_more(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec("one"), a_spec("two"))
    await pair.orchestrator.record()
    old = await pair.snapshot()
    await pair.control.order_tasks(OrderAction.CANCEL, [task_id(GOAL, "one")], "ada")
    await pair.control.order_goals(OrderAction.PAUSE, [GOAL], "ada")
    await pair.control.carry_out()
    await pair.put_back(old)
    await pair.orchestrator.tick()
    assert await pair.queue.pop_tasks(Stage.WORK, ["agent-1", "agent-2"]) == []
    await pair.orchestrator.record()
    assert (await pair.task(GOAL, "one")).status is TaskStatus.CANCELLED
    assert (await pair.task(GOAL, "two")).status is TaskStatus.QUEUED


async def test_nothing_of_a_paused_goal_starts_between_the_comparison_and_the_orders(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec())
    await pair.orchestrator.record()
    old = await pair.snapshot()
    await pair.control.order_goals(OrderAction.PAUSE, [GOAL], "ada")
    await pair.control.carry_out()
    await pair.put_back(old)
    await pair.orchestrator.reconcile()
    assert await pair.queue.pop_tasks(Stage.WORK, ["agent-1"]) == []
    await pair.control.order_goals(OrderAction.RESUME, [GOAL], "ada")
    await pair.orchestrator.tick()
    assert (await pair.claim()).key == "one"


async def an_old_copy(pair: Pair) -> dict[str, bytes]:
    """Make a copy that holds an end which nobody recorded; Redis is emptied then, and the swarm goes on."""
    lease = (await pair.claim()).lease
    await pair.orchestrator.record()
    await pair.queue.complete(lease, a_result("forgotten", k=(0, "forgotten")))
    copy = await pair.snapshot()
    await pair.put_back({})
    await pair.orchestrator.tick()
    return copy


@pytest.mark.parametrize("redone", [False, True])
async def test_an_old_copy_with_another_story_under_the_same_versions_is_not_believed(pair: Pair, redone: bool) -> None:
    await pair.submit(GOAL, a_spec("one"), a_spec("two", depends_on=("one",)))
    copy = await an_old_copy(pair)
    if redone:
        await pair.queue.complete((await pair.claim()).lease, a_result("told", k=(0, "told")))
        await pair.orchestrator.record()
    await pair.put_back(copy)
    await pair.orchestrator.tick()
    if not redone:
        await pair.queue.complete((await pair.claim()).lease, a_result("told", k=(0, "told")))
    two = await pair.claim()
    assert two.inputs == {"one": "told"}
    await pair.queue.complete(two.lease, a_result(k=(1, "at last")))
    await pair.orchestrator.tick()
    assert (await pair.record.goal(GOAL)).status is GoalStatus.COMPLETED
    assert await pair.record.state(GOAL) == {"k": VersionedValue(value="at last", version=2)}
    ends = pair.rows("SELECT task_id, count(*) FROM events WHERE name = 'task.completed' GROUP BY task_id")
    assert sorted(count for _, count in ends) == [1, 1]


async def test_what_was_read_of_an_old_copy_before_it_was_found_out_is_not_recorded_afterwards(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec())
    copy = await an_old_copy(pair)
    await pair.put_back(copy)
    void, _ = await pair.events.read(0)
    reached = pair.rows("SELECT last_entry FROM shards")
    await pair.orchestrator.reconcile()
    with pytest.raises(StaleEpoch):
        await pair.record.record(void)
    assert (await pair.record.state(GOAL), pair.rows("SELECT last_entry FROM shards") >= reached) == ({}, True)


async def test_a_retried_task_that_redis_forgot_is_dispatched_again(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec())
    await pair.queue.fail((await pair.claim()).lease, "no luck")
    await pair.orchestrator.record()
    await pair.control.order_tasks(OrderAction.RETRY, [task_id(GOAL, "one")], "ada")
    old = await pair.snapshot()
    await pair.orchestrator.dispatch()
    await pair.put_back(old)
    await pair.orchestrator.reconcile()
    assert (await pair.claim()).key == "one"


async def test_a_paused_goal_comes_back_paused(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec())
    await pair.control.order_goals(OrderAction.PAUSE, [GOAL], "ada")
    await pair.orchestrator.tick()
    await pair.put_back({})
    await pair.orchestrator.tick()
    assert await pair.queue.pop_tasks(Stage.WORK, ["agent-1"]) == []
    await pair.control.order_goals(OrderAction.RESUME, [GOAL], "ada")
    await pair.orchestrator.tick()
    assert (await pair.claim()).key == "one"


async def test_a_key_deleted_by_hand_is_noticed_when_redis_is_found_behind_and_not_by_a_mere_restart(
    pair: Pair,
) -> None:
    await pair.submit(GOAL, a_spec())
    await pair.orchestrator.record()
    await pair.client.delete(f"{pair.keys.shard(0)}:t:{task_id(GOAL, 'one')}")
    await pair.restarted()
    await pair.orchestrator.tick()
    assert await pair.queue.pop_tasks(Stage.WORK, ["agent-1"]) == []
    await pair.put_back({})
    await pair.orchestrator.tick()
    assert (await pair.claim()).key == "one"


async def test_a_comparison_that_another_interruption_overtakes_is_told_and_kept_with_what_it_did(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec("one"), a_spec("two"))
    await pair.orchestrator.record()
    await pair.put_back({})
    vouch = pair.recovery.vouch

    async def refused(mandate: Mandate, **_: Any) -> bool:
        return await vouch(mandate.model_copy(update={"run": "1" * 40}), grace=timedelta(0))

    reconciler = Reconciler(
        SimpleNamespace(**{name: getattr(pair.recovery, name) for name in HANDS}, vouch=refused),
        PostgresRecovery(pair.engine),
        pair.events,
        SimpleNamespace(emit=pair.said.append),
        grace=timedelta(0),
    )
    assert await reconciler.reconcile() == 0
    with pytest.raises(BackendUnavailable, match="compared with the record"):
        await pair.claim()
    await pair.orchestrator.tick()
    told = [event.fields["restored"] for event in pair.said if event.name == "recovery.done"]
    assert told == [2, 2]
    assert pair.rows("SELECT restored FROM recoveries ORDER BY at") == [(2,), (2,)]
    assert {(await pair.claim()).key, (await pair.claim()).key} == {"one", "two"}


@pytest.mark.parametrize("redis", ["runs on", "restarts too"])
async def test_what_a_record_that_was_put_back_forgot_is_done_again_and_told(pair: Pair, redis: str) -> None:
    await pair.submit(GOAL, a_spec("one"), a_spec("two"))
    await pair.orchestrator.record()
    await pair.engine.dispose()
    old = pair.copied()
    await pair.queue.complete((await pair.claim()).lease, a_result())
    await pair.orchestrator.tick()
    await pair.engine.dispose()
    pair.put_record_back(old)
    if redis == "restarts too":
        await pair.restarted()
    await pair.orchestrator.tick()
    [told] = [event for event in pair.said if event.name == "recovery.done"]
    assert (told.level, told.fields["cause"], told.fields["restored"]) == (Level.WARN, Loss.RECORD_BEHIND, 2)
    assert {(await pair.claim()).key, (await pair.claim()).key} == {"one", "two"}
    await pair.orchestrator.tick()
    await pair.orchestrator.tick()
    assert pair.rows("SELECT count(*) FROM recoveries") == [(1,)], "it is found out once"


async def test_what_was_written_by_hand_behind_the_last_event_makes_no_record_look_put_back(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec("one"))
    await pair.client.xadd(f"{pair.keys.shard(0)}:out", {"x": "y"})
    await pair.orchestrator.tick()
    await pair.orchestrator.tick()
    assert not [event for event in pair.said if event.name == "recovery.done"]
    assert await pair.client.xlen(f"{pair.keys.shard(0)}:out") == 0


@pytest.mark.parametrize("put_back", [True, False])
async def test_a_completed_task_whose_post_was_lost_with_the_record_is_named(pair: Pair, put_back: bool) -> None:
    await pair.submit(GOAL, a_spec())
    await pair.orchestrator.record()
    outbox = PostgresOutbox(pair.engine)
    context = LiveOutbox(outbox, Ending())
    delivery = await pair.claim()
    assert await context.append("t:execute", "x", {"text": "hello"})
    assert tuple(context.stored) == ("t:execute",)
    await pair.queue.complete(delivery.lease, a_result().model_copy(update={"posts": tuple(context.stored)}))
    if put_back:  # To a copy from between the claim and the post.
        pair.write("DELETE FROM posts")
    await pair.orchestrator.record()
    task = await pair.task(GOAL, "one")
    assert task.status is TaskStatus.COMPLETED
    assert await pair.record.lost_posts(5) == ([task.id] if put_back else [])
    await outbox.append("t:execute", "x", {"text": "hello"})
    assert await pair.record.lost_posts(5) == [], "it is there now"
