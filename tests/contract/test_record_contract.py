"""RecordPort, on a real Postgres: nothing lost, nothing twice, and the count adds up."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from chimera_cli.adapters.postgres_record import PostgresRecord
from chimera_cli.exceptions import AmbiguousId, InvalidPlan, NotFound, ReviewCardNotFound, WrongState
from chimera_cli.models.away import Away
from chimera_cli.models.goal import Goal, GoalStatus, Ledger
from chimera_cli.models.identity import task_id
from chimera_cli.models.persona import Persona
from chimera_cli.models.result import StateChange, VersionedValue
from chimera_cli.models.task import Phase, Priority, TaskSpec, TaskStatus
from chimera_cli.ports.record import RecordPort
from tests.builders import planned
from tests.contract.postgres_life import HELD, START, Story, a_goal, specs

pytestmark = pytest.mark.integration
HOSTILE = "nul \x00, emoji \U0001f9a5, right-to-left \u202e, line\nbreak, quote ' \" \\ $1 %s"
DONE = ("task.queued", "task.started", "task.completed")


async def submitted(record: RecordPort, *keys: str, **fields: object) -> tuple[Goal, Story]:
    goal = a_goal(uuid4, **fields)
    assert await record.submit(goal, specs(*keys))
    return goal, Story(goal)


async def test_a_submitted_goal_reads_back_as_it_was_given(record: RecordPort) -> None:
    persona = Persona(name="Ada", voice="dry", directives=("never shout",))
    goal = a_goal(uuid4, persona=persona, max_replans=2)
    spec = TaskSpec(
        key="a.b-c_1",
        kind="content.draft",
        title="Write it",
        payload={"n": 1, "deep": [None, {"x": 1.5}]},
        priority=Priority.HIGH,
        deadline=datetime(2030, 1, 1, tzinfo=UTC),
        max_retries=7,
    )
    child = TaskSpec(key="child", kind="noop", depends_on=("a.b-c_1",))
    assert await record.submit(goal, [spec, child])
    stored = await record.goal(goal.id)
    assert stored == goal.model_copy(update={"counts": {TaskStatus.PENDING: 2}})
    first, second = await record.tasks(goal_id=goal.id)
    assert TaskSpec(**{name: getattr(first, name) for name in TaskSpec.model_fields}) == spec
    assert second.depends_on == ("a.b-c_1",)
    assert await record.plan(goal.id) == [planned(first), planned(second)]
    assert first.id == task_id(goal.id, spec.key)
    assert (first.status, first.phase, first.version) == (TaskStatus.PENDING, Phase.PROPOSE, 0)


async def test_a_goal_submitted_twice_is_stored_once(record: RecordPort) -> None:
    goal, _ = await submitted(record, "a")
    assert not await record.submit(goal, specs("a", "b"))
    assert await record.keys(goal.id) == ["a"]


async def test_a_plan_that_breaks_while_it_streams_leaves_nothing(record: RecordPort) -> None:
    goal = a_goal(uuid4)

    def broken() -> Iterator[TaskSpec]:
        yield from specs(*(f"t{number}" for number in range(1500)))
        raise InvalidPlan(["line 1501 is not JSON"])

    with pytest.raises(InvalidPlan, match="line 1501"):
        await record.submit(goal, broken())
    with pytest.raises(NotFound):
        await record.goal(goal.id)
    assert await record.ledger() == Ledger()


async def test_a_key_used_twice_is_refused_and_leaves_nothing(record: RecordPort) -> None:
    goal = a_goal(uuid4)
    with pytest.raises(InvalidPlan, match="twice"):
        await record.submit(goal, specs("a", "b", "a"))
    assert await record.goals() == []


async def test_twenty_thousand_tasks_stream_through_little_memory(record: RecordPort) -> None:
    goal = a_goal(uuid4)
    tracemalloc.start()
    try:
        tasks = (TaskSpec(key=f"t{number}", kind="noop", payload={"i": number}) for number in range(20_000))
        assert await record.submit(goal, tasks)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000
    assert await record.undispatched() == 20_000
    assert [task.key for task in await record.tasks(goal_id=goal.id, limit=3)] == ["t0", "t1", "t2"]
    assert (await record.ledger(goal.id)).balanced


async def test_tasks_added_to_a_live_goal_are_stored_once_by_key(record: RecordPort) -> None:
    goal, _ = await submitted(record, "a")
    ids = await record.add_tasks(goal.id, specs("a", "b"))
    assert ids == [task_id(goal.id, "a"), task_id(goal.id, "b")]
    assert await record.add_tasks(goal.id, specs("b")) == ids[1:]
    assert await record.ledger(goal.id) == Ledger(submitted=2, live=2)


async def test_an_ended_or_unknown_goal_takes_no_tasks(record: RecordPort) -> None:
    goal, story = await submitted(record, "a")
    await record.record(story.tell("a", *DONE))
    with pytest.raises(WrongState, match="COMPLETED"):
        await record.add_tasks(goal.id, specs("b"))
    with pytest.raises(NotFound):
        await record.add_tasks("0" * 20, specs("b"))


async def test_a_task_added_while_its_goal_ends_is_refused(record: RecordPort, fresh_database: str) -> None:
    goal, story = await submitted(record, "a")
    async with goal_held(fresh_database, goal.id) as blocked:
        ending = asyncio.create_task(record.record(story.tell("a", *DONE)))
        await blocked(1)
        adding = asyncio.create_task(record.add_tasks(goal.id, specs("b")))
        await blocked(2)
    assert (await asyncio.wait_for(ending, 5)).new == 3
    with pytest.raises(WrongState, match="COMPLETED"):
        await asyncio.wait_for(adding, 5)
    assert await record.keys(goal.id) == ["a"]


async def test_dispatching_hands_out_tasks_oldest_first_and_each_once(record: RecordPort) -> None:
    goal, _ = await submitted(record, "c", "a", "b", persona=Persona(name="Ada"))
    async with record.dispatching(2) as first:
        assert [dispatch.task.key for dispatch in first] == ["c", "a"]
        assert {(dispatch.goal, dispatch.persona) for dispatch in first} == {(goal.text, goal.persona)}
    assert await record.undispatched() == 1
    async with record.dispatching() as rest:
        assert [dispatch.task.key for dispatch in rest] == ["b"]
    async with record.dispatching() as nothing:
        assert nothing == []


async def test_an_error_while_dispatching_marks_nothing(record: RecordPort) -> None:
    await submitted(record, "a", "b")
    with pytest.raises(OSError, match="Redis"):
        async with record.dispatching():
            raise OSError("Redis is gone")
    async with record.dispatching() as again:
        assert [dispatch.task.key for dispatch in again] == ["a", "b"]


async def test_a_dispatched_task_brings_how_its_dependencies_stand(record: RecordPort) -> None:
    goal, story = await submitted(record, "done", "open")
    await record.record(story.tell("done", *DONE, output={"words": 3}))
    await record.add_tasks(goal.id, [TaskSpec(key="child", kind="noop", depends_on=("done", "open", "nowhere"))])
    async with record.dispatching() as dispatches:
        child = next(dispatch for dispatch in dispatches if dispatch.task.key == "child")
    standing = [(dep.key, dep.status, dep.output) for dep in child.dependencies]
    assert standing == [
        ("done", TaskStatus.COMPLETED, {"words": 3}),
        ("open", TaskStatus.PENDING, None),
        ("nowhere", TaskStatus.CANCELLED, None),
    ]


async def test_nothing_is_recorded_while_tasks_are_dispatched(record: RecordPort) -> None:
    _, story = await submitted(record, "a", "b")
    async with record.dispatching(1):
        recording = asyncio.create_task(record.record(story.tell("a", *DONE)))
        done, _ = await asyncio.wait([recording], timeout=0.2)
        assert not done
    assert (await asyncio.wait_for(recording, 5)).new == 3


async def test_a_task_whose_events_arrived_is_not_dispatched_again(record: RecordPort) -> None:
    _, story = await submitted(record, "a")
    await record.record(story.tell("a", "task.queued"))
    assert await record.undispatched() == 0


async def test_events_bring_the_task_to_its_last_status(record: RecordPort) -> None:
    goal, story = await submitted(record, "a")
    events = story.tell("a", "task.queued", "task.started", agent="w-1")
    events += story.tell("a", "task.delayed", error="no network", attempts=2)
    assert (await record.record(events)).new == 3
    task = await record.task(task_id(goal.id, "a"))
    assert (task.status, task.version, task.attempts) == (TaskStatus.DELAYED, 3, 2)
    assert (task.error, task.agent, task.updated_at) == ("no network", "w-1", events[-1].at)
    await record.record(story.tell("a", "task.queued", "task.started", "task.completed", output=[1, 2]))
    task = await record.task(task.id)
    assert (task.status, task.error, task.output) == (TaskStatus.COMPLETED, "", [1, 2])
    assert [event.name for event in await record.history(goal_id=goal.id, task_id=task.id)][:3] == [
        "task.queued",
        "task.started",
        "task.delayed",
    ]
    assert (await record.history(goal_id=goal.id))[:3] == events


async def test_recording_twice_changes_nothing_but_tells_again_what_ended(record: RecordPort) -> None:
    goal, story = await submitted(record, "a", "b")
    events = story.tell("a", *DONE) + story.tell("b", *DONE)
    first = await record.record(events)
    before = (
        await record.goal(goal.id),
        await record.ledger(),
        await record.tasks(),
        await record.history(goal_id=goal.id),
    )
    again = await record.record(events)
    after = (
        await record.goal(goal.id),
        await record.ledger(),
        await record.tasks(),
        await record.history(goal_id=goal.id),
    )
    assert before == after
    assert (first.new, again.new) == (6, 0)
    assert first.ended_tasks == again.ended_tasks == ((goal.id, events[0].task_id), (goal.id, events[3].task_id))
    assert [ended.id for ended in again.ended_goals] == [goal.id]


async def test_recorders_of_one_batch_at_once_store_it_once(record: RecordPort) -> None:
    _, story = await submitted(record, *(f"t{number}" for number in range(50)))
    events = [event for number in range(50) for event in story.tell(f"t{number}", *DONE)]
    results = await asyncio.gather(*(record.record(events) for _ in range(4)))
    assert sorted(result.new for result in results) == [0, 0, 0, 150]
    assert await record.ledger() == Ledger(submitted=50, finished=50)


async def test_who_does_not_wait_leaves_events_to_whoever_has_the_lock(record: RecordPort) -> None:
    _, story = await submitted(record, "a")
    events = story.tell("a", *DONE)
    async with record.dispatching():
        assert await record.record(events, wait=False) is None
    recorded = await record.record(events, wait=False)
    assert recorded is not None
    assert recorded.new == 3


async def test_an_older_event_never_overwrites_a_newer_one(record: RecordPort) -> None:
    goal, story = await submitted(record, "a")
    queued, started, completed = story.tell("a", *DONE, output="new")
    await record.record([queued, completed])
    await record.record([started])
    task = await record.task(queued.task_id)
    assert (task.status, task.version, task.output) == (TaskStatus.COMPLETED, 3, "new")
    assert await record.ledger(goal.id) == Ledger(submitted=1, finished=1)


async def test_nothing_follows_the_end_of_a_task(record: RecordPort) -> None:
    goal, story = await submitted(record, "a", "b")
    await record.record(story.tell("a", *DONE))
    await record.record(story.tell("a", "task.failed", error="an old copy of Redis"))
    assert (await record.goal(goal.id)).counts == {TaskStatus.COMPLETED: 1, TaskStatus.PENDING: 1}
    assert await record.ledger() == Ledger(submitted=2, finished=1, live=1)


async def test_committed_state_keeps_the_newest_version(record: RecordPort) -> None:
    goal, story = await submitted(record, "a", "b", "c")

    def commit(key: str, expected: int, value: str) -> list:
        return story.tell(key, *DONE, changes=(StateChange(key="calendar", expected=expected, value=value),))

    first, second, third = commit("a", 0, "one"), commit("b", 1, "two"), commit("c", 2, "three")
    await record.record(first + second)
    assert await record.state(goal.id) == {"calendar": VersionedValue(value="two", version=2)}
    await record.record(third)
    await record.record(first)
    assert await record.state(goal.id) == {"calendar": VersionedValue(value="three", version=3)}


async def test_the_ledger_balances_through_a_whole_life(record: RecordPort) -> None:
    _, story = await submitted(record, "ok", "bad", "refused", "orphan", "late")
    steps = [
        story.tell("ok", "task.queued", "task.started"),
        story.tell("ok", "task.completed"),
        story.tell("bad", "task.queued", "task.started", "task.failed", error="boom"),
        story.tell("orphan", "task.cancelled", error="it depends on bad"),
        story.tell("refused", *HELD, "task.rejected", error="no"),
    ]
    for events in steps:
        await record.record(events)
        assert (await record.ledger()).balanced
    assert await record.ledger() == Ledger(submitted=5, finished=1, failed=2, cancelled=1, live=1)


@pytest.mark.parametrize(
    ("max_replans", "end", "status"),
    [
        (0, "task.completed", GoalStatus.COMPLETED),
        (0, "task.failed", GoalStatus.FAILED),
        (2, "task.failed", GoalStatus.REPLANNING),
        (2, "task.cancelled", GoalStatus.REPLANNING),
        (2, "task.completed", GoalStatus.COMPLETED),
    ],
)
async def test_a_goal_ends_with_its_last_live_task(
    record: RecordPort, max_replans: int, end: str, status: GoalStatus
) -> None:
    goal, story = await submitted(record, "a", "b", max_replans=max_replans)
    assert (await record.record(story.tell("a", *DONE))).ended_goals == ()
    recorded = await record.record(story.tell("b", end))
    ended = await record.goal(goal.id)
    assert ended.status is status
    assert recorded.ended_goals == ((ended,) if status.terminal else ())
    assert (ended.finished_at is not None) is status.terminal


async def test_a_replanned_goal_completes_when_the_replacement_does(record: RecordPort) -> None:
    goal, story = await submitted(record, "a", max_replans=1)
    await record.record(story.tell("a", "task.failed", error="boom"))
    assert await record.replan(goal.id, 0, specs("a2"))
    active = await record.goal(goal.id)
    assert (active.status, active.replans) == (GoalStatus.ACTIVE, 1)
    await record.record(story.tell("a2", *DONE))
    assert (await record.goal(goal.id)).status is GoalStatus.COMPLETED
    assert await record.ledger() == Ledger(submitted=2, finished=1, failed=1)


async def test_a_goal_fails_when_the_replacement_fails_and_no_replan_is_left(record: RecordPort) -> None:
    goal, story = await submitted(record, "a", max_replans=1)
    await record.record(story.tell("a", "task.failed", error="boom"))
    await record.replan(goal.id, 0, specs("a2"))
    await record.record(story.tell("a2", "task.failed", error="again"))
    assert (await record.goal(goal.id)).status is GoalStatus.FAILED


async def test_of_planners_at_once_one_replans(record: RecordPort, fresh_database: str) -> None:
    goal, story = await submitted(record, "a", max_replans=3)
    await record.record(story.tell("a", "task.failed", error="boom"))
    async with goal_held(fresh_database, goal.id) as blocked:
        planners = [asyncio.create_task(record.replan(goal.id, 0, specs(f"by-{name}"))) for name in "xyz"]
        await blocked(3)
    assert sorted(await asyncio.wait_for(asyncio.gather(*planners), 5)) == [False, False, True]
    assert len(await record.keys(goal.id)) == 2
    assert (await record.goal(goal.id)).replans == 1
    assert not await record.replan(goal.id, 0, specs("late"))


@pytest.mark.parametrize("tasks", [[], specs("a")], ids=["no task", "only a known task"])
async def test_a_replan_without_new_tasks_fails_the_goal(record: RecordPort, tasks: list[TaskSpec]) -> None:
    goal, story = await submitted(record, "a", max_replans=3)
    await record.record(story.tell("a", "task.failed", error="boom"))
    assert await record.replan(goal.id, 0, tasks)
    failed = await record.goal(goal.id)
    assert (failed.status, failed.replans) == (GoalStatus.FAILED, 0)


async def test_tasks_added_while_a_planner_thinks_make_the_goal_active(record: RecordPort) -> None:
    goal, story = await submitted(record, "a", max_replans=3)
    await record.record(story.tell("a", "task.failed", error="boom"))
    await record.add_tasks(goal.id, specs("b"))
    assert not await record.replan(goal.id, 0, specs("c"))
    await record.record(story.tell("b", *DONE))
    assert (await record.goal(goal.id)).status is GoalStatus.REPLANNING


async def test_hostile_text_and_a_long_output_come_back_whole(record: RecordPort) -> None:
    goal = a_goal(uuid4, text="say " + HOSTILE.replace("\x00", ""))
    await record.submit(goal, [TaskSpec(key="a", kind="noop", payload={HOSTILE: [HOSTILE]})])
    story = Story(goal)
    output = {"text": HOSTILE, "long": "\x00\U0001f9a5" * 500_000}
    change = StateChange(key="k", expected=0, value=HOSTILE)
    events = story.tell(
        "a", *DONE, output=output, changes=(change,), data={HOSTILE: HOSTILE}, error=HOSTILE, agent=HOSTILE
    )
    await record.record(events)
    task = await record.task(events[0].task_id)
    assert task.payload == {HOSTILE: [HOSTILE]}
    assert task.output == output
    assert (await record.state(goal.id))["k"].value == HOSTILE
    last = (await record.history(goal_id=goal.id))[-1]
    assert last.data == {HOSTILE: HOSTILE}
    assert last.error == HOSTILE.replace("\x00", "\ufffd")
    assert (await record.goal(goal.id)).text == goal.text


async def test_events_that_make_no_sense_do_not_stop_the_others(record: RecordPort) -> None:
    goal, story = await submitted(record, "a")
    good = story.tell("a", *DONE)
    strange = Story(a_goal(uuid4))
    junk = [
        *strange.tell("nobody", "task.completed", entry_id="1-1", changes=(StateChange(key="k", expected=0, value=1),)),
        *strange.tell("huge", "task.completed", entry_id="1-2", version=2**70),
        *strange.tell("nan", "task.completed", entry_id="1-3", output=float("nan")),
        *strange.tell("nul", "task.held", entry_id="1-4\x00", task_id="\x00", name="\x00", goal_id=goal.id),
        *strange.tell("stolen", "task.completed", entry_id="1-5", task_id=good[0].task_id),
        *strange.tell("naive", "task.failed", entry_id="1-6", at=datetime(2026, 1, 1)),
        *strange.tell("nowhere", "task.failed", entry_id="j-7\x00"),
    ]
    recorded = await record.record(junk + good)
    assert (await record.goal(goal.id)).status is GoalStatus.COMPLETED
    assert await record.ledger() == Ledger(submitted=1, finished=1)
    assert (goal.id, good[0].task_id) in recorded.ended_tasks


async def test_a_batch_with_one_event_twice_stores_it_once(record: RecordPort) -> None:
    _, story = await submitted(record, "a")
    events = story.tell("a", *DONE)
    assert (await record.record(events + events)).new == 3
    assert (await record.record([])).new == 0


async def test_any_unique_prefix_of_four_characters_finds_its_record(record: RecordPort) -> None:
    for tail in ("0" * 16, "1" * 16):
        await record.submit(a_goal(uuid4, id=f"abcd{tail}"), specs("a"))
    await record.submit(a_goal(uuid4, id="abce" + "0" * 16), specs("a"))
    assert await record.resolve("goal", "abce") == "abce" + "0" * 16
    assert await record.resolve("goal", "ABCD1") == "abcd" + "1" * 16
    assert await record.resolve("goal", "abcd" + "0" * 16) == "abcd" + "0" * 16
    whole = task_id("abce" + "0" * 16, "a")
    assert await record.resolve("task", whole[:8]) == whole
    with pytest.raises(AmbiguousId) as ambiguous:
        await record.resolve("goal", "abcd")
    assert ambiguous.value.candidates == ("abcd" + "0" * 16, "abcd" + "1" * 16)


@pytest.mark.parametrize("prefix", ["", "abc", "abcx", "ab%d", "abc_", "'; --", "0" * 21, "\x00abcd"])
async def test_what_is_no_beginning_of_an_id_is_not_found(record: RecordPort, prefix: str) -> None:
    await record.submit(a_goal(uuid4, id="abcd" + "0" * 16), specs("a"))
    with pytest.raises(NotFound):
        await record.resolve("goal", prefix)
    with pytest.raises(ReviewCardNotFound):
        await record.resolve("review card", "abcd")


async def test_lists_are_ordered_filtered_and_limited(record: RecordPort) -> None:
    first, story = await submitted(record, "a", "b", "c")
    second, _ = await submitted(record, "d", created_at=START + timedelta(minutes=1))
    await record.record(story.tell("b", "task.failed", error="boom"))
    assert [goal.id for goal in await record.goals()] == [second.id, first.id]
    assert [goal.id for goal in await record.goals(limit=1)] == [second.id]
    assert await record.goals(status=GoalStatus.FAILED) == []
    assert [task.key for task in await record.tasks(limit=0)] == ["a", "b", "c", "d"]
    assert [task.key for task in await record.tasks(status=TaskStatus.FAILED)] == ["b"]
    assert [task.key for task in await record.tasks(goal_id=first.id, limit=2)] == ["a", "b"]
    assert len(await record.history(goal_id=first.id, limit=1)) == 1


async def test_unknown_ids_are_not_found(record: RecordPort) -> None:
    for read in (record.goal, record.task):
        with pytest.raises(NotFound):
            await read("0" * 20)
    assert await record.keys("0" * 20) == []


async def test_the_stores_clock_answers_with_a_time_zone(record: RecordPort) -> None:
    assert (await record.now()).utcoffset() == timedelta(0)


@asynccontextmanager
async def goal_held(database: str, goal_id: str) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """Keep everyone from changing a goal; gives a function that waits until so many sessions stand in line."""
    connect = psycopg.AsyncConnection.connect
    async with await connect(database) as holder, await connect(database, autocommit=True) as watcher:
        await holder.execute("SELECT FROM goals WHERE id = %s FOR NO KEY UPDATE", [goal_id])

        async def waiting() -> int:
            in_line = await watcher.execute(
                "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            return in_line.rowcount

        async def blocked(wanted: int) -> None:
            async with asyncio.timeout(5):
                while await waiting() < wanted:
                    pass

        yield blocked


async def test_a_goal_without_tasks_is_not_stored(record: PostgresRecord) -> None:
    with pytest.raises(InvalidPlan, match="no tasks"):
        await record.submit(a_goal(uuid4), [])
    assert await record.goals() == []


async def test_tasks_that_a_goal_has_may_be_given_again_after_its_end(record: RecordPort) -> None:
    goal, story = await submitted(record, "a")
    await record.record(story.tell("a", "task.queued", "task.started", "task.completed"))
    assert (await record.goal(goal.id)).status is GoalStatus.COMPLETED
    assert await record.add_tasks(goal.id, specs("a")) == [task_id(goal.id, "a")]
    with pytest.raises(WrongState):
        await record.add_tasks(goal.id, specs("a", "b"))


@pytest.mark.parametrize("numbers", [{0}, {1, 2}])
async def test_tasks_of_shards_that_are_away_are_not_handed_out(record: PostgresRecord, numbers: set[int]) -> None:
    goals = [(await submitted(record, "a"))[0].id for _ in range(12)]
    away = Away(shards=3, numbers=frozenset(numbers))
    async with record.dispatching(away=away) as there:
        assert [dispatch.task.goal_id for dispatch in there] == [goal for goal in goals if not away.holds(goal)]
    async with record.dispatching() as rest:
        assert [dispatch.task.goal_id for dispatch in rest] == [goal for goal in goals if away.holds(goal)]
