"""One run of one handler: its time, its return value, its changes; and every way in which a handler can be bad."""

import asyncio
import functools
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from chimera_cli.exceptions import HandlerError
from chimera_cli.handlers.context import Ending, LiveOutbox, MeteredLLM, StateView, TaskContext
from chimera_cli.handlers.invoke import RunLimits, execute, merge, payload_for, propose, run_limits
from chimera_cli.handlers.registry import Handler
from chimera_cli.handlers.threads import left_behind
from chimera_cli.models.policy import WorkerPolicy
from chimera_cli.models.result import StateChange, TaskOutcome, Usage
from tests.fake_llm import scripted
from tests.unit.handlers.worlds import LIMITS, FakeOutbox, FakeState, context

SHORT = RunLimits(timeout=timedelta(milliseconds=20), max_output_bytes=2048)


class Empty(BaseModel):
    """What the fake model is asked for."""


def returning(value: Any) -> Handler:
    async def run(ctx: TaskContext) -> Any:
        return value

    return Handler("test.kind", run)


async def test_an_outcome_becomes_a_result_with_the_flags_of_its_kind():
    async def run(ctx: TaskContext) -> TaskOutcome:
        return TaskOutcome(output={"i": (1, 2)})

    plain = Handler("test.kind", run)
    rich = Handler("test.kind", run, execute=lambda ctx, out: TaskOutcome(), merge=lambda c, o: {}, review="always")
    made = await propose(plain, context(plain), LIMITS)
    assert made.output == {"i": [1, 2]}
    assert (made.executes, made.mergeable, made.review_always) == (False, False, False)
    made = await propose(rich, context(rich), LIMITS)
    assert (made.executes, made.mergeable, made.review_always) == (True, True, True)


async def test_changes_are_bound_to_the_versions_that_were_read():
    async def run(ctx: TaskContext) -> TaskOutcome:
        calendar = await ctx.state.read("calendar")
        state.values["calendar"] = (["other"], 8)
        return TaskOutcome(changes={"calendar": [*calendar, "mine"], "unread": 1})

    state = FakeState({"calendar": (["old"], 7), "unread": (0, 3)})
    handler = Handler("test.kind", run)
    made = await propose(handler, context(handler, state=state), LIMITS)
    assert made.changes == (
        StateChange(key="calendar", expected=7, value=["old", "mine"]),
        StateChange(key="unread", expected=3, value=1),
    )


async def test_the_usage_of_model_calls_is_counted():
    async def run(ctx: TaskContext) -> TaskOutcome:
        for _ in range(2):
            await ctx.llm.ask("s", "u", Empty, timeout=timedelta(seconds=1))
        return TaskOutcome()

    handler = Handler("test.kind", run)
    made = await propose(handler, context(handler, model=scripted({}, {})), LIMITS)
    assert made.usage == Usage(calls=2, input_tokens=20, output_tokens=10)


async def test_a_plain_function_runs_in_a_thread_and_may_wait_for_the_loop():
    def run(ctx: TaskContext) -> TaskOutcome:
        return TaskOutcome(
            output=[threading.current_thread() is threading.main_thread(), ctx.wait(ctx.state.read("k"))]
        )

    handler = Handler("test.kind", run)
    made = await propose(handler, context(handler, state=FakeState({"k": ("v", 1)})), LIMITS)
    assert made.output == [False, "v"]


async def test_a_plain_function_does_not_stop_the_loop():
    beat, answer = threading.Event(), threading.Event()

    def run(ctx: TaskContext) -> TaskOutcome:
        beat.wait(5)
        answer.set()
        return TaskOutcome()

    handler = Handler("test.kind", run)
    running = asyncio.create_task(propose(handler, context(handler), LIMITS))
    await asyncio.sleep(0)
    assert not answer.is_set()
    beat.set()
    async with asyncio.timeout(5):
        await running


async def test_a_wrapped_async_function_is_awaited():
    async def run(ctx: TaskContext, extra: int) -> TaskOutcome:
        return TaskOutcome(output=extra)

    handler = Handler("test.kind", functools.partial(run, extra=3))
    assert (await propose(handler, context(handler), LIMITS)).output == 3


@pytest.mark.parametrize("value", [None, {"i": 1}, "text", 3])
async def test_what_is_no_outcome_is_refused_with_the_name_of_the_kind(value: Any):
    handler = returning(value)
    with pytest.raises(HandlerError, match=r"'test\.kind' returned .*not a TaskOutcome"):
        await propose(handler, context(handler), LIMITS)


LOOP: list[Any] = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("output", "named"),
    [
        ({"a": [1, float("nan")]}, r"output\.a\[1\] is nan"),
        (float("-inf"), "output is -inf"),
        ({"a": {1, 2}}, r"output\.a is a set"),
        ({"a": b"x"}, r"output\.a is a bytes"),
        ({"when": datetime(2026, 1, 1, tzinfo=UTC)}, r"output\.when is a datetime"),
        ({1: "x"}, "output has the key 1, a int"),
        ("a\x00b", "output holds a NUL"),
        ({"a\x00": 1}, "a key of output holds a NUL"),
        ("\ud800", "half of a surrogate"),
        ([2**63], r"output\[0\] is an integer of more than 64 bits"),
        (object(), "output is a object"),
        (LOOP, "nested more than"),
    ],
)
async def test_output_that_no_store_takes_is_refused_with_the_field_path(output: Any, named: str):
    handler = returning(TaskOutcome(output=output))
    with pytest.raises(HandlerError, match=named):
        await propose(handler, context(handler), LIMITS)


async def test_changes_are_checked_like_output():
    handler = returning(TaskOutcome(changes={"calendar": {"x": {1}}}))
    with pytest.raises(HandlerError, match=r"changes\['calendar'\]\.x is a set"):
        await propose(handler, context(handler), LIMITS)


@pytest.mark.parametrize("key", ["", "a b", "x" * 101, "../x"])
async def test_a_change_needs_a_state_key(key: str):
    handler = returning(TaskOutcome(changes={key: 1}))
    with pytest.raises(HandlerError, match="cannot be a state key"):
        await propose(handler, context(handler), LIMITS)


async def test_a_result_may_be_as_long_as_the_limit_and_no_longer():
    fits, long = returning(TaskOutcome(output="é" * 1023)), returning(TaskOutcome(output="é" * 1024))
    assert (await propose(fits, context(fits), LIMITS)).output == "é" * 1023
    with pytest.raises(HandlerError, match="2050 bytes in output, at most 2048"):
        await propose(long, context(long), LIMITS)


async def test_all_changes_together_may_be_as_long_as_an_output():
    fits = returning(TaskOutcome(changes={"a": "x" * 900, "b": "x" * 900}))
    long = returning(TaskOutcome(changes={name: "x" * 900 for name in "abc"}))
    assert len((await propose(fits, context(fits), LIMITS)).changes) == 2
    with pytest.raises(HandlerError, match="bytes in changes, at most 2048"):
        await propose(long, context(long), LIMITS)


async def test_an_async_handler_that_takes_too_long_is_cancelled():
    ended: list[str] = []

    async def run(ctx: TaskContext) -> TaskOutcome:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("tidied up")
        return TaskOutcome()

    handler = Handler("test.kind", run)
    with pytest.raises(TimeoutError, match=r"'test\.kind' ran longer than 0\.02 s"):
        await propose(handler, context(handler), SHORT)
    assert ended == ["tidied up"]


async def test_hung_threads_take_no_other_runs_place():
    release = threading.Event()

    def hang(ctx: TaskContext) -> TaskOutcome:
        release.wait(5)
        return TaskOutcome()

    def work(ctx: TaskContext) -> TaskOutcome:
        return TaskOutcome(output="done")

    hung, well = Handler("test.hung", hang), Handler("test.well", work)
    runs = [propose(hung, context(hung), SHORT) for _ in range(50)]
    assert all(isinstance(end, TimeoutError) for end in await asyncio.gather(*runs, return_exceptions=True))
    assert (await propose(well, context(well), LIMITS)).output == "done"
    release.set()


async def test_a_handlers_own_error_comes_out_as_it_is():
    async def run(ctx: TaskContext) -> TaskOutcome:
        raise KeyError("mine")

    def run_plainly(ctx: TaskContext) -> TaskOutcome:
        raise KeyError("mine")

    for function in (run, run_plainly):
        handler = Handler("test.kind", function)
        with pytest.raises(KeyError, match="mine"):
            await propose(handler, context(handler), LIMITS)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), StopIteration(1)])
async def test_a_handler_cannot_end_the_process(error: BaseException):
    async def run(ctx: TaskContext) -> TaskOutcome:
        raise error

    def run_plainly(ctx: TaskContext) -> TaskOutcome:
        raise error

    for function in (run, run_plainly):
        handler = Handler("test.kind", function)
        with pytest.raises(RuntimeError):
            await propose(handler, context(handler), LIMITS)


async def test_a_handler_that_cancels_itself_is_a_failure_and_not_a_cancelled_agent():
    async def run(ctx: TaskContext) -> TaskOutcome:
        raise asyncio.CancelledError

    handler = Handler("test.kind", run)
    with pytest.raises(RuntimeError, match="cancelled itself"):
        await propose(handler, context(handler), LIMITS)


async def test_cancelling_the_agent_cancels_its_handler():
    started, ended = asyncio.Event(), asyncio.Event()

    async def run(ctx: TaskContext) -> TaskOutcome:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return TaskOutcome()

    handler = Handler("test.kind", run)
    running = asyncio.create_task(propose(handler, context(handler), LIMITS))
    async with asyncio.timeout(5):
        await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended.is_set()


async def test_a_run_that_was_ended_has_no_effect_any_more_though_it_goes_on():
    started, told = asyncio.Event(), []

    async def run(ctx: TaskContext) -> TaskOutcome:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            for late in (
                lambda: ctx.outbox.append("k", "x", {}),
                lambda: ctx.state.read("calendar"),
                lambda: ctx.llm.ask("s", "u", Any, timeout=timedelta(seconds=1)),
            ):
                try:
                    await late()
                except HandlerError as error:
                    told.append(error.message)
        return TaskOutcome()

    handler, outbox, ending = Handler("test.kind", run), FakeOutbox(), Ending()
    ctx = replace(
        context(handler),
        ending=ending,
        outbox=LiveOutbox(outbox, ending),
        state=StateView(FakeState(), "g", ending),
        llm=MeteredLLM(scripted(), ending),
    )
    running = asyncio.create_task(propose(handler, ctx, LIMITS))
    async with asyncio.timeout(5):
        await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(told) == 3
    assert outbox.stored == {}


async def test_execute_may_not_write_what_nobody_approved():
    def perform(ctx: TaskContext, approved: Any) -> TaskOutcome:
        return TaskOutcome(output="sent", changes={"calendar": 1})

    handler = Handler("test.kind", lambda ctx: TaskOutcome(), execute=perform)
    with pytest.raises(HandlerError, match="nobody approved"):
        await execute(handler, context(handler), {}, LIMITS)


async def test_execute_gets_a_copy_of_exactly_what_was_approved():
    got: list[Any] = []

    async def perform(ctx: TaskContext, approved: Any) -> TaskOutcome:
        got.append(dict(approved))
        approved["text"] = "changed"
        return TaskOutcome(output={"posted": True})

    handler = Handler("test.kind", lambda ctx: TaskOutcome(), execute=perform)
    approved = {"text": "hello"}
    made = await execute(handler, context(handler), approved, LIMITS)
    assert (made.output, got, approved) == ({"posted": True}, [{"text": "hello"}], {"text": "hello"})


async def test_a_kind_without_the_phase_cannot_run_it():
    handler = returning(TaskOutcome())
    with pytest.raises(HandlerError, match="no execute phase"):
        await execute(handler, context(handler), {}, LIMITS)
    with pytest.raises(HandlerError, match="cannot merge"):
        await merge(handler, context(handler), {}, LIMITS)


def merging(function: Any) -> Handler:
    return Handler("test.kind", lambda ctx: TaskOutcome(), merge=function)


HELD = (StateChange(key="calendar", expected=1, value=["mine"]),)


async def test_merge_recomputes_the_changes_on_the_present_state_and_keeps_the_output():
    def add(current: dict[str, Any], output: Any) -> dict[str, Any]:
        output["spoilt"] = True
        return {"calendar": [*current["calendar"], output["day"]]}

    handler = merging(add)
    ctx = context(handler, state=FakeState({"calendar": (["other"], 2)}), changes=HELD)
    made = await merge(handler, ctx, {"day": "mine"}, LIMITS)
    assert made.output == {"day": "mine"}
    assert made.changes == (StateChange(key="calendar", expected=2, value=["other", "mine"]),)


@pytest.mark.parametrize(
    ("merged", "named"),
    [(None, "returned None"), ({"other": 1}, "changed other, which nobody approved"), ({"calendar": {1}}, "is a set")],
)
async def test_a_merge_that_returns_something_else_is_refused(merged: Any, named: str):
    handler = merging(lambda current, output: merged)
    with pytest.raises(HandlerError, match=named):
        await merge(handler, context(handler, changes=HELD), {}, LIMITS)


def test_a_payload_that_does_not_fit_names_the_field():
    class Order(BaseModel):
        count: int

    handler = Handler("test.kind", lambda ctx: TaskOutcome(), payload=Order)
    assert payload_for(handler, {"count": 3}) == Order(count=3)
    with pytest.raises(HandlerError, match=r"'test\.kind'.*count: "):
        payload_for(handler, {"count": "many"})


def test_a_payload_without_model_is_a_copy():
    handler, payload = returning(None), {"list": [1]}
    payload_for(handler, payload)["list"].append(2)
    assert payload == {"list": [1]}


@pytest.mark.parametrize(
    ("own", "deadline", "seconds"), [(None, None, 300), (7, None, 7), (900, None, 900), (7, 3, 3), (None, -1, 0)]
)
def test_a_run_is_bounded_by_its_kind_and_never_beyond_the_deadline(
    own: int | None, deadline: int | None, seconds: int
):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    timeout = None if own is None else timedelta(seconds=own)
    handler = Handler("test.kind", lambda ctx: TaskOutcome(), timeout=timeout)
    until = None if deadline is None else now + timedelta(seconds=deadline)
    assert run_limits(handler, WorkerPolicy(), until, now).timeout == timedelta(seconds=seconds)


async def test_the_operators_timeout_for_a_kind_is_stronger_than_the_handlers_own():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    policy = WorkerPolicy(timeouts={"test.kind": timedelta(seconds=7)})
    for own in (None, timedelta(seconds=90)):
        assert run_limits(Handler("test.kind", one, timeout=own), policy, None, now).timeout == timedelta(seconds=7)
    assert run_limits(Handler("test.other", one), policy, None, now).timeout == policy.timeout


async def one(ctx: TaskContext) -> TaskOutcome:
    return TaskOutcome()


async def test_a_thread_beyond_its_time_is_known_until_it_ends():
    release, ended = threading.Event(), threading.Event()

    def hang(ctx: TaskContext) -> TaskOutcome:
        release.wait(5)
        ended.set()
        return TaskOutcome()

    hung = Handler("test.hung", hang)
    agent = context(hung).task.lease.agent
    assert not left_behind(agent)
    with pytest.raises(TimeoutError):
        await propose(hung, context(hung), SHORT)
    assert left_behind(agent)
    assert not left_behind("another")
    release.set()
    assert await asyncio.to_thread(ended.wait, 5)
    async with asyncio.timeout(5):
        while left_behind(agent):
            await asyncio.to_thread(lambda: None)
