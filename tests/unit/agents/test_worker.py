"""A worker sees every delivery through to exactly one answer, whatever its handler does."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from chimera_cli.agents.approval import Approvals
from chimera_cli.agents.effects_door import EffectsDoor
from chimera_cli.agents.worker import WorkerAgent, WorkerTools
from chimera_cli.exceptions import BackendUnavailable, ConfigError, ModelThrottled, NotFound, OCCConflict, StaleLease
from chimera_cli.handlers.context import TaskContext
from chimera_cli.handlers.registry import Handler, HandlerRegistry, handler
from chimera_cli.models.agent import AgentStatus
from chimera_cli.models.delivery import Delivery, Lease, Malformed, Setback
from chimera_cli.models.identity import content_digest
from chimera_cli.models.policy import WorkerPolicy
from chimera_cli.models.refusal import AccessRefused, WritesRefused
from chimera_cli.models.release import ReviewMode, Seal
from chimera_cli.models.result import StateChange, TaskOutcome, VersionedValue
from chimera_cli.models.task import Phase
from chimera_cli.models.telemetry import Level
from chimera_cli.services.retry import MENDING
from tests.builders import VOUCHER
from tests.unit.agents.crew_fakes import NOON, Ears, FakeQueue, FakeState, HastyClock, delivery, lease, quiet


class Bench:
    """A worker with everything around it."""

    def __init__(self, *handlers: Handler, state: FakeState | None = None, policy: WorkerPolicy | None = None) -> None:
        self.queue, self.ears, self.clock = FakeQueue(), Ears(), HastyClock()
        self.stored: str | Exception = "the whole of"
        self.record_away: Exception | None = None
        self.door = EffectsDoor(self.demand_live, self.ears, clock=self.clock, chance=lambda: 0.0)
        tools = WorkerTools(
            queue=self.queue,
            state=state or FakeState(),
            llm=object(),
            outbox=object(),
            handlers=HandlerRegistry(handlers),
            telemetry=self.ears,
            clock=self.clock,
            chance=lambda: 0.0,
            policy=policy or WorkerPolicy(),
            payload_of=self.payload_of,
            demand_live=self.demand_live,
            door=self.door,
            approvals=Approvals(VOUCHER),
        )
        self.agent = WorkerAgent(tools, id="a1")

    async def demand_live(self, lease: Lease | None = None) -> None:
        if self.record_away is not None:
            raise self.record_away

    async def payload_of(self, task_id: str) -> dict[str, Any]:
        if isinstance(self.stored, Exception):
            raise self.stored
        return {"say": f"{self.stored} {task_id}"}

    async def answers(self, task: Delivery | Malformed) -> list[tuple[Any, ...]]:
        """Run one delivery and return what the queue was told."""
        async with asyncio.timeout(5):
            await self.agent.run(task)
        return self.queue.answers


@handler("noop", judged=False)
async def noop(ctx: TaskContext) -> TaskOutcome:
    return TaskOutcome(output={"said": ctx.payload.get("say", "hello")})


def raising(error: BaseException) -> Handler:
    @handler("noop", judged=False)
    async def raiser(ctx: TaskContext) -> TaskOutcome:
        raise error

    return raiser


def returning(value: object) -> Handler:
    @handler("noop", judged=False)
    async def returner(ctx: TaskContext) -> Any:
        return value

    return returner


def approved(**fields: Any) -> Delivery:
    """A task on its way into the execute phase, rightly approved unless a field says otherwise."""
    task = delivery(
        phase=Phase.EXECUTE, payload={"to": "all"}, output={"post": "hi"}, policy_version="p1", rubric_version="r1"
    )
    digest = content_digest("t1", task.payload, task.output, "p1", "r1")
    seal = VOUCHER.seal(ReviewMode.GATE, task_id="t1", kind="noop", digest=digest, who="j1")
    return task.model_copy(update={"digest": digest, "seal": seal, **fields})


async def test_an_unjudged_task_is_completed_with_its_output() -> None:
    bench = Bench(noop)
    [(name, held, result, digest)] = await bench.answers(delivery(payload={"say": "hi"}))
    assert (name, held, result.output, digest) == ("complete", lease(), {"said": "hi"}, "")
    assert bench.ears.names() == ["task.started", "task.finished"]
    assert bench.ears[1].fields["outcome"] == "completed"


async def test_a_payload_too_long_for_the_queue_is_fetched_from_the_record() -> None:
    [(name, _, result, _)] = await Bench(noop).answers(delivery(payload_elsewhere=True))
    assert (name, result.output) == ("complete", {"said": "the whole of t1"})


async def test_while_the_record_is_away_a_task_with_a_long_payload_waits_and_loses_no_attempt() -> None:
    bench = Bench(noop)
    bench.stored = BackendUnavailable("Postgres", "it is away")
    [(name, _, delay, error, costs)] = await bench.answers(delivery(payload_elsewhere=True, attempt=4))
    assert (name, delay > timedelta(0), costs) == ("retry", True, False)
    assert "Postgres is unreachable" in error


async def test_a_long_payload_that_nobody_stored_is_an_ordinary_failure() -> None:
    bench = Bench(noop)
    bench.stored = NotFound("task", "t1")
    assert [said[0] for said in await bench.answers(delivery(payload_elsewhere=True, attempt=4))] == ["fail"]


async def test_a_judged_proposal_is_handed_over_and_never_completed() -> None:
    @handler("noop")
    async def judged(ctx: TaskContext) -> TaskOutcome:
        return TaskOutcome(output="a draft")

    [(name, _, result)] = await Bench(judged).answers(delivery())
    assert (name, result.output) == ("hand_over", "a draft")


async def test_changes_are_bound_to_the_versions_that_the_handler_read() -> None:
    @handler("noop", judged=False)
    async def counter(ctx: TaskContext) -> TaskOutcome:
        return TaskOutcome(changes={"calendar": (await ctx.state.read("calendar")) + 1})

    bench = Bench(counter, state=FakeState(calendar=VersionedValue(value=6, version=4)))
    [(_, _, result, _)] = await bench.answers(delivery())
    assert result.changes == (StateChange(key="calendar", expected=4, value=7),)


async def test_a_plain_function_is_a_handler_too() -> None:
    @handler("noop", judged=False)
    def plain(ctx: TaskContext) -> TaskOutcome:
        return TaskOutcome(output=ctx.idempotency_key)

    [(_, _, result, _)] = await Bench(plain).answers(delivery())
    assert result.output == "t1:propose"


@pytest.mark.parametrize(("attempt", "delay"), [(1, 2), (2, 4), (3, 8)])
async def test_a_handler_that_raises_is_tried_again_after_2_4_and_8_seconds(attempt: int, delay: int) -> None:
    answers = await Bench(raising(ValueError("no luck"))).answers(delivery(attempt=attempt))
    assert answers == [("retry", lease(), timedelta(seconds=delay), "ValueError: no luck", True)]


async def test_the_log_of_a_failure_has_the_whole_trace_and_the_task_as_fields_of_one_line() -> None:
    bench = Bench(raising(ValueError("no luck")))
    await bench.answers(delivery(attempt=2))
    told = bench.ears.one("task.retried")
    assert told.level is Level.WARN
    assert "raise error\nValueError: no luck" in str(told.fields["trace"])
    assert (told.fields["task"], told.fields["kind"], told.fields["attempt"]) == ("t1", "noop", 2)
    assert (told.fields["delay_s"], told.fields["error"]) == (4.0, "ValueError: no luck")
    assert "\n" not in json.dumps(told.fields)


async def test_after_the_last_attempt_the_task_is_failed_and_says_how_often_it_was_tried() -> None:
    bench = Bench(raising(ValueError("no luck")))
    answers = await bench.answers(delivery(attempt=4))
    assert answers == [("fail", lease(), "task t1 failed 4 times, at last with: ValueError: no luck")]
    assert "ValueError: no luck" in str(bench.ears.one("task.failed").fields["trace"])


async def test_a_handler_that_hangs_is_ended_by_its_timeout_and_tried_again() -> None:
    cancelled = asyncio.Event()

    @handler("noop", judged=False, timeout=timedelta(milliseconds=10))
    async def hang(ctx: TaskContext) -> TaskOutcome:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return TaskOutcome()

    [(name, _, _, error, costs)] = await Bench(hang).answers(delivery())
    assert (name, costs) == ("retry", True)
    assert "ran longer than 0.01 s" in error
    assert cancelled.is_set()


@pytest.mark.parametrize("value", [None, "text", TaskOutcome(output={1, 2}), TaskOutcome(output=float("nan"))])
async def test_a_handler_that_returns_no_json_is_failed_at_once(value: object) -> None:
    [(name, _, error)] = await Bench(returning(value)).answers(delivery())
    assert name == "fail"
    assert "'noop'" in error


@pytest.mark.parametrize("attempt", [1, 4])
async def test_an_unknown_kind_is_left_to_another_worker_and_costs_no_attempt(attempt: int) -> None:
    reason = "this worker has no handler for the kind 'no.such', start it with --handlers"
    [again] = await Bench().answers(delivery(kind="no.such", attempt=attempt))
    assert (again[0], again[2:]) == ("retry", (MENDING, reason, False))


async def test_a_payload_that_does_not_fit_is_failed_at_once_and_names_the_field() -> None:
    class Wanted(BaseModel):
        topic: str

    @handler("noop", judged=False, payload=Wanted)
    async def picky(ctx: TaskContext) -> TaskOutcome:
        raise AssertionError("must not run")

    [(name, _, error)] = await Bench(picky).answers(delivery(payload={"subject": "x"}))
    assert name == "fail"
    assert "topic" in error


async def test_a_malformed_task_is_failed_with_what_is_wrong_with_it() -> None:
    bench = Bench()
    assert await bench.answers(Malformed(lease=lease(), reason="payload is no JSON")) == [
        ("fail", lease(), "payload is no JSON")
    ]
    assert bench.ears.one("task.failed").level is Level.ERROR


async def test_a_refused_key_waits_to_be_mended_and_uses_up_no_attempts() -> None:
    park, retry = await Bench(raising(ConfigError("the key is refused"))).answers(delivery(attempt=4))
    assert park == ("park", lease(), MENDING)
    assert retry == ("retry", lease(), MENDING, "the key is refused", False)


async def test_a_throttled_task_parks_its_lane_first_and_costs_no_attempt() -> None:
    answers = await Bench(raising(ModelThrottled(timedelta(seconds=30)))).answers(delivery(attempt=4))
    half_a_minute = timedelta(seconds=30)
    assert answers == [
        ("park", lease(), half_a_minute),
        ("retry", lease(), half_a_minute, "the model is unreachable: rate limit, try again in 30 s", False),
    ]


class Odd(BaseException):
    """An exception that no `except Exception` catches."""


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), asyncio.CancelledError(), Odd("odd")], ids=repr)
async def test_nothing_that_a_handler_raises_ends_the_agent(error: BaseException) -> None:
    bench = Bench(raising(error))
    [(name, *_)] = await bench.answers(delivery())
    assert name == "retry"
    assert bench.agent.status is AgentStatus.IDLE


async def test_execution_gets_exactly_the_approved_output_and_names_its_digest() -> None:
    seen: list[Any] = []

    @handler("noop")
    async def post(ctx: TaskContext) -> TaskOutcome:
        raise AssertionError("an approved task is never proposed again")

    @post.execute
    async def send(ctx: TaskContext, output: Any) -> TaskOutcome:
        seen.append((output, ctx.idempotency_key))
        return TaskOutcome(output="sent")

    task = approved()
    [(name, _, result, digest)] = await Bench(post).answers(task)
    assert (name, result.output, digest) == ("complete", "sent", task.digest)
    assert seen == [({"post": "hi"}, "t1:execute")]


@pytest.mark.parametrize(
    "changed",
    [
        {"output": {"post": "hi!"}},
        {"payload": {"to": "some"}},
        {"changes": (StateChange(key="calendar", expected=0, value=1),)},
        {"policy_version": "p2"},
        {"rubric_version": "r2"},
        {"digest": ""},
        {"lease": lease("t2")},
    ],
    ids=lambda changed: next(iter(changed)),
)
async def test_execution_of_anything_but_the_approved_content_is_refused(changed: dict[str, Any]) -> None:
    @handler("noop")
    async def post(ctx: TaskContext) -> TaskOutcome:
        raise AssertionError("must not run")

    @post.execute
    async def send(ctx: TaskContext, output: Any) -> TaskOutcome:
        raise AssertionError("must not run")

    bench = Bench(post)
    [(name, _, error)] = await bench.answers(approved(**changed))
    assert name == "fail"
    assert "refused to execute" in error
    assert bench.ears.one("task.failed").level is Level.ERROR


def never_to_run(*, review: str = "policy") -> Handler:
    @handler("noop", review=review)
    async def post(ctx: TaskContext) -> TaskOutcome:
        raise AssertionError("must not run")

    @post.execute
    async def send(ctx: TaskContext, output: Any) -> TaskOutcome:
        raise AssertionError("must not run")

    return post


@pytest.mark.parametrize(("review", "seal"), [("always", None), ("policy", None), ("always", approved().seal)])
async def test_what_nobody_let_pass_who_has_to_is_judged_again_and_said(review: str, seal: Seal | None) -> None:
    bench = Bench(never_to_run(review=review))
    [(name, _, why, always)] = await bench.answers(approved(seal=seal))
    assert (name, always) == ("judge_again", review == "always")
    assert bench.ears.one("release.refused").fields["error"] == why


@pytest.mark.parametrize(("outages", "delay"), [(0, 2), (1, 4), (4, 32), (9, 60)])
async def test_what_is_not_vouched_for_waits_longer_each_time_and_costs_no_attempt(outages: int, delay: int) -> None:
    bench = Bench(never_to_run())
    forged = Seal(mode=ReviewMode.PERSON, who="ada", signature="0" * 64)
    [(name, _, waits, error, costs)] = await bench.answers(approved(seal=forged, outages=outages, attempt=4))
    assert (name, waits, costs) == ("retry", timedelta(seconds=delay), False)
    assert error.startswith("its release is not vouched for")
    assert bench.queue.causes == [Setback.UNRUN]


async def test_an_effect_that_the_record_cannot_take_is_not_begun_and_no_other_is_claimed() -> None:
    @handler("noop")
    async def post(ctx: TaskContext) -> TaskOutcome:
        raise AssertionError("must not run")

    @post.execute
    async def send(ctx: TaskContext, output: Any) -> TaskOutcome:
        raise AssertionError("must not run")

    bench = Bench(post)
    bench.record_away = BackendUnavailable("Postgres", "it is away")
    [(name, _, _, _, costs)] = await bench.answers(approved())
    assert (name, costs) == ("retry", False)
    assert not bench.door.open


async def test_an_approved_kind_that_has_lost_its_execute_phase_is_failed() -> None:
    [(name, _, error)] = await Bench(noop).answers(approved())
    assert (name, error) == ("fail", "kind 'noop' has no execute phase")


@pytest.mark.parametrize("conflicts", [0, 9])
async def test_a_conflict_at_the_end_makes_the_task_run_again_at_once_and_for_free(conflicts: int) -> None:
    bench = Bench(noop)
    bench.queue.errors["complete"] = [OCCConflict("calendar", 3, 4)]
    [(name, _, error, delay)] = await bench.answers(delivery(conflicts=conflicts))
    assert (name, delay) == ("rerun", timedelta(0))
    assert "'calendar' is at version 4" in error
    told = bench.ears.one("task.conflict")
    assert (told.fields["key"], told.fields["expected"], told.fields["actual"]) == ("calendar", 3, 4)


@pytest.mark.parametrize(("conflicts", "seconds"), [(10, 0.25), (11, 0.5), (13, 2), (1000, 4)])
async def test_a_task_that_meets_others_again_and_again_waits_longer_each_time_and_never_fails(
    conflicts: int, seconds: float
) -> None:
    bench = Bench(noop)
    bench.agent.chance = lambda: 0.5
    bench.queue.errors["complete"] = [OCCConflict("calendar", 3, 4)]
    [(name, _, _, delay)] = await bench.answers(delivery(conflicts=conflicts, attempt=4))
    assert (name, delay) == ("rerun", timedelta(seconds=seconds))


def merging(state: FakeState, log: list[Any]) -> Handler:
    @handler("noop")
    async def draft(ctx: TaskContext) -> TaskOutcome:
        raise AssertionError("a merge asks no model")

    @draft.merge
    def add(current: Any, output: Any) -> Any:
        log.append(current["calendar"])
        version = state.values["calendar"].version
        state.values["calendar"] = VersionedValue(value=current["calendar"] + 10, version=version + 1)
        return {"calendar": current["calendar"] + output}

    return draft


def to_merge(**fields: Any) -> Delivery:
    held = (StateChange(key="calendar", expected=1, value=0),)
    return delivery(phase=Phase.MERGE, output=1, changes=held, digest="d", **fields)


async def test_a_merge_that_loses_the_race_is_made_again_on_fresh_state() -> None:
    state, log = FakeState(calendar=VersionedValue(value=5, version=2)), []
    bench = Bench(merging(state, log), state=state)
    bench.queue.errors["complete"] = [OCCConflict("calendar", 2, 3)]
    [(name, _, result, _)] = await bench.answers(to_merge())
    assert log == [5, 15]
    assert name == "complete"
    assert result.changes == (StateChange(key="calendar", expected=3, value=16),)


async def test_a_merge_that_loses_every_race_waits_for_a_retry() -> None:
    state, log = FakeState(calendar=VersionedValue(value=5, version=2)), []
    bench = Bench(merging(state, log), state=state, policy=WorkerPolicy(max_conflicts=2))
    bench.queue.errors["complete"] = [OCCConflict("calendar", n, n + 1) for n in range(9)]
    [(name, _, delay, _, costs)] = await bench.answers(to_merge())
    assert (name, delay, costs) == ("retry", timedelta(0), False)
    assert len(log) == 3


@pytest.mark.parametrize("conflicts", [0, 10])
async def test_a_kind_that_cannot_merge_runs_again(conflicts: int) -> None:
    [(name, *_)] = await Bench(noop).answers(to_merge(conflicts=conflicts))
    assert name == "rerun"


async def test_a_stale_answer_is_told_and_dropped() -> None:
    bench = Bench(noop)
    bench.queue.errors["complete"] = [StaleLease("t1", 1)]
    assert await bench.answers(delivery()) == []
    assert bench.ears.names() == ["task.started", "task.stale"]
    assert bench.ears[1].fields["generation"] == 1


OUTAGES = [
    BackendUnavailable("Redis", "gone"),
    WritesRefused("OOM used memory > 'maxmemory'", hint="raise its maxmemory"),
    AccessRefused("Redis refuses the user or the password", hint="correct REDIS_URL"),
    ConfigError("Redis cannot be trusted"),
]


@pytest.mark.parametrize("error", OUTAGES, ids=lambda error: type(error).__name__)
async def test_a_result_outlives_whatever_keeps_the_queue_from_taking_it(error: Exception) -> None:
    bench = Bench(noop)
    bench.queue.errors["complete"] = [error] * 7
    [(name, *_)] = await bench.answers(delivery())
    assert name == "complete"
    assert [round(pause.total_seconds(), 1) for pause in bench.clock.slept] == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


async def test_a_result_whose_lease_ended_in_an_outage_is_dropped() -> None:
    bench = Bench(noop)
    bench.queue.errors["complete"] = [BackendUnavailable("Redis", "gone"), StaleLease("t1", 1)]
    assert await bench.answers(delivery()) == []
    assert "had arrived before" in bench.ears.one("task.stale").message


async def test_a_cancelled_run_answers_nothing_and_leaves_the_agent_free() -> None:
    begun = asyncio.Event()

    @handler("noop", judged=False)
    async def hang(ctx: TaskContext) -> TaskOutcome:
        begun.set()
        await asyncio.Event().wait()
        return TaskOutcome()

    bench = Bench(hang)
    run = asyncio.create_task(bench.agent.run(delivery()))
    async with asyncio.timeout(5):
        await begun.wait()
    assert bench.agent.heartbeat(NOON).task_id == "t1"
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert bench.queue.answers == []
    assert bench.agent.status is AgentStatus.IDLE


async def test_a_deadline_that_only_our_own_clock_has_passed_does_not_stop_the_run() -> None:
    [(name, *_)] = await Bench(noop).answers(delivery(deadline=NOON - timedelta(hours=1)))
    assert name == "complete"


async def test_a_near_deadline_shortens_the_run() -> None:
    @handler("noop", judged=False)
    async def hang(ctx: TaskContext) -> TaskOutcome:
        await asyncio.Event().wait()
        return TaskOutcome()

    [(name, _, _, error, _)] = await Bench(hang).answers(delivery(deadline=NOON + timedelta(milliseconds=20)))
    assert name == "retry"
    assert "0.02 s" in error


async def test_an_agent_says_when_its_answer_is_on_its_way() -> None:
    bench = Bench(noop)
    gate, seen = asyncio.Event(), []

    async def slow(*_: Any, **__: Any) -> None:
        seen.append(bench.agent.answering)
        await gate.wait()

    bench.queue.complete = slow  # type: ignore[method-assign]
    run = asyncio.create_task(bench.agent.run(delivery()))
    await quiet()
    gate.set()
    await run
    assert seen == [True]
    assert not bench.agent.answering


async def test_an_agent_beyond_its_tasks_limit_says_that_it_is_stuck() -> None:
    beats: list[timedelta | None] = []

    @handler("noop", judged=False, timeout=timedelta(seconds=60))
    async def slow(ctx: TaskContext) -> TaskOutcome:
        for seconds in (0, 64, 75):
            beats.append(bench.agent.heartbeat(NOON + timedelta(seconds=seconds)).stuck_for)
        return TaskOutcome()

    bench = Bench(slow)
    await bench.answers(delivery())
    assert beats == [None, None, timedelta(seconds=10)]
    assert bench.agent.heartbeat(NOON + timedelta(hours=1)).stuck_for is None
