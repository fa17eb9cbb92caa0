"""What TaskQueuePort promises, on every Redis."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import RedisCluster

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import RedisClient
from chimera_cli.adapters.redis_control import RedisControl
from chimera_cli.adapters.redis_events import RedisEventStream
from chimera_cli.adapters.redis_queue import RedisTaskQueue
from chimera_cli.adapters.redis_state import RedisGlobalState
from chimera_cli.exceptions import IllegalTransition, OCCConflict, StaleLease, SwarmError
from chimera_cli.models.delivery import Delivery, Malformed, Setback, Stage
from chimera_cli.models.gate import Route
from chimera_cli.models.task import Phase, Priority, TaskStatus
from tests.builders import GOAL, a_dispatch, a_judgement, a_result, a_task
from tests.contract.conftest import MakeQueue

NOW = timedelta(0)


async def claim(queue: RedisTaskQueue, stage: Stage = Stage.WORK, agent: str = "agent-1") -> Delivery:
    """Claim one delivery, and insist on getting it."""
    [delivery] = await queue.pop_tasks(stage, [agent])
    assert isinstance(delivery, Delivery)
    return delivery


async def story(events: RedisEventStream, key: str = "one") -> list[str]:
    """The names of a task's events, in order."""
    happened, _ = await events.read(0)
    return [event.name for event in happened if event.task_id == a_task(key).id]


async def proposal(queue: RedisTaskQueue, *, executes: bool = False, **changes: object) -> Delivery:
    """Push one task, have it propose, and claim its result for judgement."""
    await queue.push_tasks([a_dispatch()])
    work = await claim(queue)
    await queue.hand_over(work.lease, a_result("post", executes=executes, **changes))
    return await claim(queue, Stage.JUDGE, "judge-1")


async def test_a_pushed_task_is_popped_with_all_that_its_reader_needs(queue: RedisTaskQueue) -> None:
    deadline = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    await queue.push_tasks([a_dispatch(payload={"n": 1, "word": "naïve \u0000"}, deadline=deadline)])
    delivery = await claim(queue)
    assert (delivery.key, delivery.kind, delivery.goal) == ("one", "noop", "Grow on Twitter")
    assert delivery.payload == {"n": 1, "word": "naïve \u0000"}
    assert delivery.deadline == deadline
    assert (delivery.attempt, delivery.lease.generation, delivery.phase) == (1, 1, Phase.PROPOSE)


@pytest.mark.parametrize(("length", "elsewhere"), [(16_000, False), (17_000, True)])
async def test_a_long_payload_stays_in_the_record_and_its_delivery_says_so(
    queue: RedisTaskQueue, client: RedisClient, keys: Keys, length: int, elsewhere: bool
) -> None:
    await queue.push_tasks([a_dispatch(payload={"text": "x" * length})])
    stored = await client.hget(f"{keys.shard(0)}:t:{a_task().id}", "payload")
    delivery = await claim(queue)
    assert delivery.payload_elsewhere is elsewhere
    assert (len(stored), len(delivery.payload)) == ((0, 0) if elsewhere else (length + 11, 1))


async def test_a_task_pushed_twice_is_queued_once(queue: RedisTaskQueue) -> None:
    assert await queue.push_tasks([a_dispatch(), a_dispatch()]) == 1
    assert await queue.push_tasks([a_dispatch()]) == 0
    assert (await queue.counts()).waiting == 1


async def test_no_task_goes_to_two_agents(queue: RedisTaskQueue) -> None:
    await queue.push_tasks([a_dispatch(f"t{n}") for n in range(40)])
    claims = [queue.pop_tasks(Stage.WORK, [f"a{n}-{m}" for m in range(3)]) for n in range(20)]
    popped = [delivery.lease.task_id for batch in await asyncio.gather(*claims) for delivery in batch]
    assert len(popped) == len(set(popped)) == 40


async def test_higher_priorities_are_popped_first(queue: RedisTaskQueue) -> None:
    for priority in (Priority.LOW, Priority.NORMAL, Priority.HIGH):
        await queue.push_tasks([a_dispatch(priority, priority=priority)])
    assert [(await claim(queue)).key for _ in range(3)] == ["high", "normal", "low"]


async def test_a_long_lane_does_not_starve_a_short_one(queue: RedisTaskQueue) -> None:
    await queue.push_tasks([a_dispatch(f"t{n}", "bulk") for n in range(50)])
    await queue.push_tasks([a_dispatch("rare", "rare")])
    popped = await queue.pop_tasks(Stage.WORK, ["a", "b", "c", "d"])
    assert len(popped) == 4
    assert "rare" in [delivery.key for delivery in popped if isinstance(delivery, Delivery)]


async def test_a_claim_may_be_restricted_to_kinds(queue: RedisTaskQueue) -> None:
    await queue.push_tasks([a_dispatch("x", "kind.x"), a_dispatch("y", "kind.y")])
    popped = await queue.pop_tasks(Stage.WORK, ["a", "b"], kinds=["kind.y"])
    assert [delivery.lease.task_id for delivery in popped] == [a_task("y").id]


async def test_completing_commits_the_changes_and_tells_what_waits(
    queue: RedisTaskQueue, state: RedisGlobalState
) -> None:
    await queue.push_tasks([a_dispatch("one"), a_dispatch("two", after=["one"])])
    first = await claim(queue)
    assert await queue.pop_tasks(Stage.WORK, ["agent-2"]) == []
    await queue.complete(first.lease, a_result({"n": 1}, calendar=(0, ["monday"])))
    stored = await state.read(GOAL, "calendar")
    assert (stored.version, stored.value) == (1, ["monday"])
    assert (await claim(queue)).inputs == {"one": {"n": 1}}


async def test_a_conflicting_commit_tells_the_actual_version_and_changes_nothing(
    queue: RedisTaskQueue, state: RedisGlobalState
) -> None:
    await queue.push_tasks([a_dispatch("one"), a_dispatch("two")])
    first, second = await claim(queue), await claim(queue)
    await queue.complete(first.lease, a_result(calendar=(0, "first")))
    with pytest.raises(OCCConflict) as caught:
        await queue.complete(second.lease, a_result(calendar=(0, "second"), other=(0, "also")))
    assert (caught.value.key, caught.value.expected, caught.value.actual) == ("calendar", 0, 1)
    assert (await state.read(GOAL, "calendar")).value == "first"
    assert (await state.read(GOAL, "other")).version == 0
    await queue.complete(second.lease, a_result(calendar=(1, "second")))
    assert (await state.read(GOAL, "calendar")).version == 2


async def test_state_belongs_to_its_goal(queue: RedisTaskQueue, state: RedisGlobalState) -> None:
    await queue.push_tasks([a_dispatch()])
    await queue.complete((await claim(queue)).lease, a_result(calendar=(0, "mine")))
    assert (await state.read("b" * 20, "calendar")).version == 0


async def test_a_conflict_runs_again_without_costing_an_attempt(queue: RedisTaskQueue) -> None:
    await queue.push_tasks([a_dispatch()])
    await queue.rerun((await claim(queue)).lease, "calendar moved on")
    again = await claim(queue)
    assert (again.attempt, again.conflicts, again.lease.generation) == (1, 1, 2)


async def test_a_finish_of_an_older_generation_changes_nothing(make_queue: MakeQueue, state: RedisGlobalState) -> None:
    abandoned, queue = make_queue(0), make_queue()
    await queue.push_tasks([a_dispatch()])
    zombie = await claim(abandoned)
    assert await queue.reap(abandon_cap=3) == 1
    heir = await claim(queue, agent="agent-2")
    assert heir.lease.generation == zombie.lease.generation + 1
    for late in (
        queue.complete(zombie.lease, a_result(calendar=(0, "zombie"))),
        queue.hand_over(zombie.lease, a_result()),
        queue.retry(zombie.lease, NOW, "late"),
        queue.fail(zombie.lease, "late"),
        queue.give_back(zombie.lease),
        queue.rerun(zombie.lease, "late"),
    ):
        with pytest.raises(StaleLease):
            await late
    assert (await state.read(GOAL, "calendar")).version == 0
    await queue.complete(heir.lease, a_result())


async def test_an_expired_lease_that_nobody_took_still_counts(make_queue: MakeQueue) -> None:
    queue = make_queue(0)
    await queue.push_tasks([a_dispatch()])
    slow = await claim(queue)
    await queue.complete(slow.lease, a_result())


async def test_a_judge_whose_lease_was_taken_back_decides_nothing(make_queue: MakeQueue) -> None:
    abandoned, queue = make_queue(0), make_queue()
    await queue.push_tasks([a_dispatch()])
    await queue.hand_over((await claim(queue)).lease, a_result())
    zombie = await claim(abandoned, Stage.JUDGE)
    await queue.reap(abandon_cap=3)
    with pytest.raises(StaleLease):
        await queue.approve(zombie.lease, a_judgement())
    assert (await claim(queue, Stage.JUDGE)).abandoned == 1


async def test_extending_returns_the_leases_that_are_lost(make_queue: MakeQueue) -> None:
    abandoned, queue = make_queue(0), make_queue()
    await queue.push_tasks([a_dispatch("one"), a_dispatch("two")])
    lost, kept = await claim(abandoned), await claim(abandoned)
    assert await queue.extend([kept.lease]) == []
    await queue.reap(abandon_cap=3)
    assert await queue.extend([lost.lease, kept.lease]) == [lost.lease]


async def test_an_abandoned_task_runs_again_behind_a_thousand_live_leases(make_queue: MakeQueue) -> None:
    abandoned, queue = make_queue(0), make_queue()
    await queue.push_tasks([a_dispatch(f"t{n}") for n in range(1001)])
    assert len(await queue.pop_tasks(Stage.WORK, [f"a{n}" for n in range(1000)])) == 1000
    dead = await claim(abandoned)
    assert await queue.reap(abandon_cap=3) == 1
    assert (await claim(queue)).lease.task_id == dead.lease.task_id


async def test_a_task_that_kills_its_agents_fails_after_the_cap(
    make_queue: MakeQueue, events: RedisEventStream
) -> None:
    queue = make_queue(0)
    await queue.push_tasks([a_dispatch()])
    for _ in range(3):
        assert await queue.pop_tasks(Stage.WORK, ["agent-1"]) or await queue.pop_suspect(Stage.WORK, "agent-1")
        await queue.reap(abandon_cap=3)
    assert await queue.pop_tasks(Stage.WORK, ["agent"]) == []
    assert (await story(events))[-1] == "task.failed"


async def test_a_retry_waits_in_redis_until_it_is_due(queue: RedisTaskQueue) -> None:
    await queue.push_tasks([a_dispatch()])
    await queue.retry((await claim(queue)).lease, timedelta(hours=1), "boom")
    assert await queue.promote() == 0
    assert (await queue.counts()).delayed == 1


async def test_a_conflicted_task_waits_in_redis_until_its_delay_is_over(
    queue: RedisTaskQueue, events: RedisEventStream
) -> None:
    await queue.push_tasks([a_dispatch()])
    await queue.rerun((await claim(queue)).lease, "calendar moved on", delay=timedelta(hours=1))
    counts = await queue.counts()
    assert (counts.delayed, counts.waiting, await queue.promote()) == (1, 0, 0)
    [*_, last], _ = await events.read(0)
    assert (last.name, last.status, last.attempts) == ("task.conflicted", TaskStatus.DELAYED, 1)


async def test_a_due_retry_is_the_next_attempt(queue: RedisTaskQueue) -> None:
    await queue.push_tasks([a_dispatch()])
    await queue.retry((await claim(queue)).lease, NOW, "boom")
    assert await queue.promote() == 1
    assert (await claim(queue)).attempt == 2


async def test_a_retry_that_costs_nothing_is_the_same_attempt(queue: RedisTaskQueue) -> None:
    await queue.push_tasks([a_dispatch()])
    await queue.retry((await claim(queue)).lease, NOW, "throttled", costs_attempt=False)
    await queue.promote()
    assert (await claim(queue)).attempt == 1


async def test_outages_are_counted_in_a_row_apart_from_attempts(queue: RedisTaskQueue) -> None:
    await queue.push_tasks([a_dispatch()])
    told = []
    for cause in (Setback.OUTAGE, Setback.UNRUN, Setback.WORK, Setback.OUTAGE):
        delivery = await claim(queue)
        told.append((delivery.outages, delivery.attempt, delivery.number))
        await queue.retry(delivery.lease, NOW, "away", costs_attempt=False, cause=cause)
        await queue.promote()
    last = await claim(queue)
    assert [*told, (last.outages, last.attempt, last.number)] == [(0, 1, 1), (1, 1, 2), (2, 1, 3), (0, 1, 4), (1, 1, 5)]


async def test_what_was_put_back_without_a_run_is_told_apart_in_its_event(
    queue: RedisTaskQueue, events: RedisEventStream
) -> None:
    await queue.push_tasks([a_dispatch()])
    for cause in (Setback.OUTAGE, Setback.UNRUN):
        await queue.retry((await claim(queue)).lease, NOW, "away", costs_attempt=False, cause=cause)
        await queue.promote()
    told = [event for event in (await events.read(0))[0] if event.name == "task.delayed"]
    assert [event.data.get("ran") for event in told] == [None, 0]


async def test_deliveries_are_numbered_by_phase_whatever_ended_them(queue: RedisTaskQueue) -> None:
    await queue.push_tasks([a_dispatch()])
    await queue.give_back((await claim(queue)).lease)
    judged = await proposal(queue, executes=True)
    await queue.approve(judged.lease, a_judgement(Route.APPROVE))
    first = await claim(queue)
    await queue.give_back(first.lease)
    second = await claim(queue)
    assert [(it.phase, it.number) for it in (first, second)] == [(Phase.EXECUTE, 1), (Phase.EXECUTE, 2)]


async def test_a_parked_kind_is_not_claimed_by_anybody(queue: RedisTaskQueue) -> None:
    await queue.push_tasks([a_dispatch("one", "paid"), a_dispatch("two", "paid"), a_dispatch("three", "free")])
    paid = next(d for d in await queue.pop_tasks(Stage.WORK, ["a", "b"]) if d.lease.task_id == a_task("one").id)
    await queue.park(paid.lease, timedelta(hours=1))
    await queue.give_back(paid.lease)
    assert await queue.pop_tasks(Stage.WORK, ["c", "d", "e"]) == []


async def test_a_task_given_back_costs_no_attempt(queue: RedisTaskQueue) -> None:
    await queue.push_tasks([a_dispatch()])
    await queue.give_back((await claim(queue)).lease)
    again = await claim(queue)
    assert (again.attempt, again.abandoned, again.lease.generation) == (1, 0, 2)


async def test_a_failure_cancels_what_depends_on_it_however_far(
    queue: RedisTaskQueue, events: RedisEventStream
) -> None:
    chain = [a_dispatch(f"t{n}", after=[f"t{n - 1}"]) for n in range(1, 250)]
    await queue.push_tasks([a_dispatch("t0"), *chain])
    await queue.fail((await claim(queue)).lease, "boom")
    while await queue.settle():
        pass
    assert await story(events, "t249") == ["task.cancelled"]
    assert (await queue.counts()).waiting == 0


async def test_many_children_of_one_parent_are_all_queued(queue: RedisTaskQueue) -> None:
    await queue.push_tasks([a_dispatch("parent"), *(a_dispatch(f"t{n}", after=["parent"]) for n in range(250))])
    await queue.complete((await claim(queue)).lease, a_result())
    while await queue.settle():
        pass
    assert (await queue.counts()).waiting == 250


async def test_a_child_may_be_pushed_before_its_parent(queue: RedisTaskQueue) -> None:
    await queue.push_tasks([a_dispatch("child", after=["parent"])])
    await queue.push_tasks([a_dispatch("parent")])
    await queue.complete((await claim(queue)).lease, a_result("from parent"))
    assert (await claim(queue)).inputs == {"parent": "from parent"}


@pytest.mark.parametrize("ended", [TaskStatus.FAILED, TaskStatus.REJECTED, TaskStatus.CANCELLED])
async def test_a_child_of_a_recorded_failure_is_cancelled_at_once(
    queue: RedisTaskQueue, events: RedisEventStream, ended: TaskStatus
) -> None:
    await queue.push_tasks([a_dispatch("child", after={"parent": ended})])
    assert await story(events, "child") == ["task.cancelled"]


async def test_held_work_is_not_claimed(queue: RedisTaskQueue) -> None:
    judged = await proposal(queue, executes=True)
    await queue.hold(judged.lease, a_judgement(Route.REVIEW))
    assert await queue.pop_tasks(Stage.WORK, ["agent"]) == []
    assert await queue.pop_tasks(Stage.JUDGE, ["judge"]) == []


async def test_a_forged_entry_does_not_make_held_work_run(
    queue: RedisTaskQueue, client: RedisClient, keys: Keys
) -> None:
    judged = await proposal(queue, executes=True)
    await queue.hold(judged.lease, a_judgement(Route.REVIEW))
    await queue.push_tasks([a_dispatch("two")])
    task = f"{keys.shard(0)}:t:{judged.lease.task_id}"
    await client.zadd(f"{keys.shard(0)}:work:w:noop:normal/execute", {judged.lease.task_id: 7})
    await client.zadd(f"{keys.shard(0)}:work:turns", {"noop:normal/execute": 0})
    await client.hset(task, mapping={"entry": "7-1", "phase": "execute"})
    popped = await queue.pop_tasks(Stage.WORK, ["a", "b"])
    assert [delivery.lease.task_id for delivery in popped] == [a_task("two").id]


@pytest.mark.parametrize("counter", ["gen", "version", "attempts"])
async def test_a_counter_that_is_no_number_fails_its_task_and_strands_no_other(
    queue: RedisTaskQueue, client: RedisClient, keys: Keys, counter: str
) -> None:
    await queue.push_tasks([a_dispatch("one"), a_dispatch("two")])
    broken = f"{keys.shard(0)}:t:{a_task('one').id}"
    await client.hset(broken, counter, "many")
    popped = await queue.pop_tasks(Stage.WORK, ["a", "b"])
    assert [delivery.lease.task_id for delivery in popped] == [a_task("two").id]
    assert await client.hget(broken, "status") == "FAILED"


@pytest.mark.parametrize("field", [{"changes": "[1]"}, {"output": "[" * 100_000}, {"status": "LOST"}, {"goal": "g\0"}])
async def test_an_event_that_makes_no_sense_is_passed_over(
    queue: RedisTaskQueue, client: RedisClient, keys: Keys, events: RedisEventStream, field: dict[str, str]
) -> None:
    good = {"name": "x", "task": "t", "goal": "g", "status": "QUEUED", "phase": "propose", "version": "1"}
    entry = await client.xadd(f"{keys.shard(0)}:out", {**good, "generation": "1", "attempts": "1", **field})
    assert await events.read(0) == ([], entry)


async def test_work_marked_approved_by_hand_does_not_run_without_the_approved_digest(
    queue: RedisTaskQueue, client: RedisClient, keys: Keys
) -> None:
    judged = await proposal(queue, executes=True)
    await queue.hold(judged.lease, a_judgement(Route.REVIEW))
    await queue.push_tasks([a_dispatch("two")])
    task = f"{keys.shard(0)}:t:{judged.lease.task_id}"
    await client.zadd(f"{keys.shard(0)}:work:w:noop:normal/execute", {judged.lease.task_id: 7})
    await client.zadd(f"{keys.shard(0)}:work:turns", {"noop:normal/execute": 0})
    await client.hset(task, mapping={"entry": "7-1", "phase": "execute", "status": "APPROVED"})
    popped = await queue.pop_tasks(Stage.WORK, ["a", "b"])
    assert [delivery.lease.task_id for delivery in popped] == [a_task("two").id]


async def test_an_approved_result_is_executed_with_its_digest_and_then_completed(
    queue: RedisTaskQueue, events: RedisEventStream, state: RedisGlobalState
) -> None:
    judged = await proposal(queue, executes=True, calendar=(0, "monday"))
    assert (await state.read(GOAL, "calendar")).version == 0
    await queue.approve(judged.lease, a_judgement(digest="d7"))
    assert (await state.read(GOAL, "calendar")).version == 1
    execution = await claim(queue)
    assert (execution.phase, execution.output, execution.digest) == (Phase.EXECUTE, "post", "d7")
    with pytest.raises(StaleLease):
        await queue.complete(execution.lease, a_result("sent"), digest="another")
    await queue.complete(execution.lease, a_result("sent"), digest="d7")
    started = ["task.queued", "task.started", "task.judging", "task.approved", "task.started", "task.completed"]
    assert await story(events) == started


async def test_an_approval_without_an_effect_completes_the_task(
    queue: RedisTaskQueue, events: RedisEventStream
) -> None:
    judged = await proposal(queue)
    await queue.approve(judged.lease, a_judgement())
    assert (await story(events))[-2:] == ["task.approved", "task.completed"]


async def test_a_revision_goes_back_with_the_reasons_and_costs_no_attempt(queue: RedisTaskQueue) -> None:
    judged = await proposal(queue)
    await queue.revise(judged.lease, a_judgement(Route.REJECT))
    again = await claim(queue)
    assert (again.revisions, again.attempt, again.feedback, again.output) == (1, 1, "it reads well", None)


async def test_an_approval_on_moved_state_is_merged_without_the_model(
    queue: RedisTaskQueue, state: RedisGlobalState
) -> None:
    await queue.push_tasks([a_dispatch("one"), a_dispatch("two")])
    first, second = await claim(queue), await claim(queue)
    mergeable = a_result("post", calendar=(0, "mine")).model_copy(update={"mergeable": True})
    await queue.hand_over(first.lease, mergeable)
    await queue.complete(second.lease, a_result(calendar=(0, "theirs")))
    await queue.approve((await claim(queue, Stage.JUDGE)).lease, a_judgement())
    merge = await claim(queue)
    assert (merge.phase, merge.output, merge.changes[0].key) == (Phase.MERGE, "post", "calendar")
    await queue.complete(merge.lease, a_result("post", calendar=(1, "both")))
    assert (await state.read(GOAL, "calendar")).value == "both"
    assert (await queue.counts()).waiting == 0


async def test_an_approval_on_moved_state_runs_a_kind_without_merge_again(
    queue: RedisTaskQueue, events: RedisEventStream
) -> None:
    await queue.push_tasks([a_dispatch("one"), a_dispatch("two")])
    first, second = await claim(queue), await claim(queue)
    await queue.hand_over(first.lease, a_result("post", calendar=(0, "mine")))
    await queue.complete(second.lease, a_result(calendar=(0, "theirs")))
    await queue.approve((await claim(queue, Stage.JUDGE)).lease, a_judgement())
    again = await claim(queue)
    assert (again.phase, again.output, again.digest, again.conflicts) == (Phase.PROPOSE, None, "", 1)
    assert "task.conflicted" in await story(events)


async def test_a_deadline_fails_a_task_wherever_it_stands(queue: RedisTaskQueue, events: RedisEventStream) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    await queue.push_tasks([a_dispatch("one", deadline=past), a_dispatch("two", after=["nobody"], deadline=past)])
    running = await claim(queue)
    assert await queue.expire() == 2
    with pytest.raises(StaleLease):
        await queue.complete(running.lease, a_result())
    assert (await story(events))[-1] == (await story(events, "two"))[-1] == "task.failed"


async def test_every_status_change_has_exactly_one_event(queue: RedisTaskQueue, events: RedisEventStream) -> None:
    judged = await proposal(queue, executes=True)
    await queue.approve(judged.lease, a_judgement())
    execution = await claim(queue)
    await queue.complete(execution.lease, a_result("sent"), digest="d1")
    happened, _ = await events.read(0)
    assert [event.version for event in happened] == list(range(1, len(happened) + 1))


async def test_trimmed_events_are_gone_and_later_ones_are_not(queue: RedisTaskQueue, events: RedisEventStream) -> None:
    await queue.push_tasks([a_dispatch("one")])
    _, last = await events.read(0)
    await queue.push_tasks([a_dispatch("two")])
    await events.trim(0, last, recorded=last)
    happened, _ = await events.read(0)
    assert [event.task_id for event in happened] == [a_task("two").id]


async def test_entries_written_by_hand_are_passed_over(
    queue: RedisTaskQueue, events: RedisEventStream, client: RedisClient, keys: Keys
) -> None:
    await queue.push_tasks([a_dispatch()])
    for junk in ("nobody", b"\xff", "infinite"):
        await client.zadd(f"{keys.shard(0)}:work:w:noop:normal", {junk: float("inf") if junk == "infinite" else 0.5})
    for junk in ({"t": "nobody"}, {"x": "y"}, {"t": "\udcff".encode("utf-8", "surrogateescape")}):
        await client.xadd(f"{keys.shard(0)}:work:q:noop:normal", junk)
    await client.xadd(f"{keys.shard(0)}:out", {"name": "junk"})
    assert [d.lease.task_id for d in await queue.pop_tasks(Stage.WORK, list("abcdef"))] == [a_task().id]
    assert await story(events) == ["task.queued", "task.started"]


async def test_a_task_with_unreadable_fields_can_still_be_failed(
    queue: RedisTaskQueue, client: RedisClient, keys: Keys
) -> None:
    await queue.push_tasks([a_dispatch()])
    await client.hset(f"{keys.shard(0)}:t:{a_task().id}", "payload", "{not json")
    [broken] = await queue.pop_tasks(Stage.WORK, ["agent"])
    assert isinstance(broken, Malformed)
    await queue.fail(broken.lease, broken.reason)


@pytest.mark.parametrize("counter", ["gen", "version", "attempts"])
@pytest.mark.parametrize("text", ["many", "nan", "1e999", "1.5", ""])
async def test_of_tasks_claimed_together_one_whose_counter_is_no_number_fails_and_the_others_have_their_leases(
    queue: RedisTaskQueue, events: RedisEventStream, client: RedisClient, keys: Keys, counter: str, text: str
) -> None:
    await queue.push_tasks([a_dispatch(key) for key in ("one", "two", "three")])
    await client.hset(f"{keys.shard(0)}:t:{a_task('two').id}", counter, text)
    claimed = [d.lease.task_id for d in await queue.pop_tasks(Stage.WORK, list("abc"))]
    assert claimed == [a_task("one").id, a_task("three").id]
    assert sorted(await client.zrange(f"{keys.shard(0)}:work:lease", 0, -1)) == sorted(claimed)
    happened, _ = await events.read(0)
    assert [(e.task_id, e.version) for e in happened if e.name == "task.failed"] == [(a_task("two").id, 1000001)]


@pytest.mark.parametrize("spoilt", ["task", "goal"])
async def test_of_tasks_claimed_together_one_that_is_no_hash_any_more_keeps_the_others_from_nothing(
    queue: RedisTaskQueue, client: RedisClient, keys: Keys, spoilt: str
) -> None:
    goals = {"one": "a" * 20, "two": "b" * 20, "three": "a" * 20}
    await queue.push_tasks([a_dispatch(key, goal=goal) for key, goal in goals.items()])
    two = a_task("two", goal=goals["two"])
    await client.set(f"{keys.shard(0)}:t:{two.id}" if spoilt == "task" else f"{keys.shard(0)}:g:{two.goal_id}", "junk")
    claimed = [d.lease.task_id for d in await queue.pop_tasks(Stage.WORK, list("abc"))]
    assert claimed == [a_task(key, goal=goals[key]).id for key in ("one", "three")]
    assert sorted(await client.zrange(f"{keys.shard(0)}:work:lease", 0, -1)) == sorted(claimed)


@pytest.mark.parametrize("version", ["abc", "1e15", "1.5", None])
async def test_an_answer_about_a_task_whose_version_is_spoilt_ends_it(
    queue: RedisTaskQueue, events: RedisEventStream, client: RedisClient, keys: Keys, version: str | None
) -> None:
    await queue.push_tasks([a_dispatch()])
    [delivery] = await queue.pop_tasks(Stage.WORK, ["agent"])
    name = f"{keys.shard(0)}:t:{a_task().id}"
    await (client.hset(name, "version", version) if version else client.hdel(name, "version"))  # type: ignore[misc]
    await queue.complete(delivery.lease, a_result())
    happened, _ = await events.read(0)
    assert (happened[-1].name, happened[-1].version) == ("task.completed", 1000001)


async def test_more_are_claimed_at_once_than_lua_passes_to_one_command(queue: RedisTaskQueue) -> None:
    await queue.push_tasks([a_dispatch(f"t{n}") for n in range(4500)])
    assert len(await queue.pop_tasks(Stage.WORK, [f"a{n}" for n in range(4500)])) == 4500
    assert (await queue.counts()).running == 4500


async def test_an_illegal_change_is_refused_by_the_script_itself(
    queue: RedisTaskQueue, client: RedisClient, keys: Keys
) -> None:
    await queue.push_tasks([a_dispatch()])
    await client.zadd(f"{keys.shard(0)}:work:lease", {a_task().id: 0})
    await client.hset(f"{keys.shard(0)}:t:{a_task().id}", mapping={"status": "APPROVED", "phase": "execute"})
    await client.hset(f"{keys.shard(0)}:t:{a_task().id}", mapping={"digest": "d", "approved": "d", "status": "NOWHERE"})
    with pytest.raises(IllegalTransition):
        await RedisControl(client, keys).cancel(GOAL, {a_task().id: None}, operator="ana", reason="x")


LONG = timedelta(seconds=4)
"""Shorter than the client waits for any reply."""


async def test_a_patient_claim_is_made_when_new_work_comes(
    queue: RedisTaskQueue, client: RedisClient, keys: Keys
) -> None:
    waiting = asyncio.create_task(queue.pop_tasks(Stage.WORK, ["a", "b"], patience=LONG))
    await queue.counts()
    await queue.push_tasks([a_dispatch()])
    async with asyncio.timeout(10):
        assert [delivery.lease.task_id for delivery in await waiting] == [a_task().id]
    assert await client.llen(f"{keys.shard(0)}:work:bell") == 0, "its patience was over, no bell was heard"


async def test_a_patient_claim_is_made_without_a_bell_when_its_patience_is_over(
    queue: RedisTaskQueue, client: RedisClient, keys: Keys
) -> None:
    await queue.push_tasks([a_dispatch()])
    await client.delete(f"{keys.shard(0)}:work:bell")
    assert len(await queue.pop_tasks(Stage.WORK, ["a"], patience=timedelta(milliseconds=10))) == 1
    assert await queue.pop_tasks(Stage.WORK, ["a"], patience=timedelta(milliseconds=10)) == []


async def test_a_patient_claim_brings_its_script_to_a_server_that_has_forgotten_it(
    queue: RedisTaskQueue, client: RedisClient
) -> None:
    await queue.push_tasks([a_dispatch()])
    await client.script_flush()
    assert len(await queue.pop_tasks(Stage.WORK, ["a"], patience=LONG)) == 1


async def test_a_claim_behind_a_bell_that_is_none_is_in_nobodys_hands_or_told(
    queue: RedisTaskQueue, client: RedisClient, keys: Keys
) -> None:
    await queue.push_tasks([a_dispatch()])
    assert await queue.pop_tasks(Stage.JUDGE, ["a"]) == []  # The server knows the script from here on.
    await client.delete(bell := f"{keys.shard(0)}:work:bell")
    await client.set(bell, "by hand")
    claimed: list[Delivery | Malformed] = []
    with suppress(SwarmError):
        claimed += await queue.pop_tasks(Stage.WORK, ["a"], patience=LONG)
    assert (await queue.counts()).running == len(claimed)
    other = queue.pop_tasks(Stage.WORK, ["b"], kinds=["other"], patience=timedelta(seconds=0.1))
    if isinstance(
        client, RedisCluster
    ):  # Other shards go on, and what cannot be listened to is left alone for as long.
        assert await other == []
        return
    with pytest.raises(SwarmError):  # Else a process would ask without a pause.
        await other


@pytest.mark.parametrize("early", [True, False], ids=["before", "while it waits"])
async def test_a_patient_claim_is_made_at_once_when_it_is_roused(
    queue: RedisTaskQueue, client: RedisClient, keys: Keys, early: bool
) -> None:
    if early:
        await queue.rouse()
    waiting = asyncio.create_task(queue.pop_tasks(Stage.WORK, ["a"], patience=LONG))
    await queue.counts()
    if not early:
        await queue.rouse()
    async with asyncio.timeout(10):
        assert await waiting == []
    assert [key async for key in client.scan_iter(match=f"{keys.shard(0)}:bell:*")] == [], "its bell was not heard"


async def test_nothing_is_left_when_work_has_ended(queue: RedisTaskQueue, client: RedisClient, keys: Keys) -> None:
    await queue.push_tasks([a_dispatch("one"), a_dispatch("two", after=["one"])])
    for version in range(2):
        await queue.complete((await claim(queue)).lease, a_result(calendar=(version, "x")))
    await queue.forget([(GOAL, a_task(key).id) for key in ("one", "two")], [GOAL])
    left = {key async for key in client.scan_iter(match=f"{keys.shard(0)}:*")}
    assert {key.rsplit("}", 1)[1] for key in left} <= {":out", ":work:bell", ":run", ":epoch", ":turn"}


async def test_forgetting_spares_live_tasks(queue: RedisTaskQueue) -> None:
    await queue.push_tasks([a_dispatch()])
    await queue.forget([(GOAL, a_task().id)], [])
    assert (await claim(queue)).lease.task_id == a_task().id


async def test_of_tasks_forgotten_together_one_whose_children_are_not_all_told_stays_until_they_are(
    queue: RedisTaskQueue, client: RedisClient, keys: Keys
) -> None:
    """One call tells a hundred children at once."""
    await queue.push_tasks([a_dispatch("parent"), a_dispatch("single")])
    await queue.push_tasks([a_dispatch(f"child-{n}", after=["parent"]) for n in range(150)])
    ended = [(await claim(queue)).lease for _ in range(2)]
    for lease in sorted(ended, key=lambda lease: lease.task_id != a_task("single").id):
        await queue.complete(lease, a_result())
    await queue.forget([(GOAL, a_task(key).id) for key in ("parent", "single")], [])
    names = [f"{keys.shard(0)}:t:{a_task(key).id}" for key in ("parent", "single")]
    assert [await client.exists(name) for name in names] == [1, 0]
    assert (await queue.counts()).waiting == 100
    assert await queue.settle(100) == 50
    assert (await queue.counts()).waiting == 150
    assert await client.exists(names[0]) == 0


async def test_long_events_are_read_a_few_at_a_time_and_none_is_left_out(
    queue: RedisTaskQueue, events: RedisEventStream
) -> None:
    await queue.push_tasks([a_dispatch(f"t{n}") for n in range(60)])
    for delivery in await queue.pop_tasks(Stage.WORK, [f"a{n}" for n in range(60)]):
        await queue.complete(delivery.lease, a_result("x" * 400_000))
    first, last = await events.read(0)
    rest, end = await events.read(0, after=last)
    assert (len(first), len(rest)) == (150, 30)
    assert await events.read(0, after=end) == ([], "")
