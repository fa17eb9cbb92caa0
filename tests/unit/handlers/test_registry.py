"""Functions become handlers, and a registry refuses what would act unseen."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from chimera_cli.exceptions import ConfigError
from chimera_cli.handlers.context import TaskContext
from chimera_cli.handlers.registry import Handler, HandlerRegistry, handler
from chimera_cli.models.result import TaskOutcome
from tests.unit.handlers.worlds import context


class Order(BaseModel):
    """A payload."""


async def run(ctx: TaskContext) -> TaskOutcome:
    return TaskOutcome(output="ran")


async def test_a_decorated_function_stays_callable_as_a_test_would_call_it():
    made = handler("test.kind")(run)
    assert (await made(context(made))).output == "ran"  # type: ignore[misc]


def test_a_handler_keeps_what_it_was_declared_with():
    made = handler("test.kind", payload=Order, timeout=timedelta(seconds=3), review="always")(run)
    assert (made.kind, made.judged, made.payload, made.review) == ("test.kind", True, Order, "always")
    assert made.timeout == timedelta(seconds=3)


def test_phases_may_be_added_by_decorators():
    made = handler("test.kind")(run)

    @made.execute
    async def perform(ctx: TaskContext, approved: Any) -> TaskOutcome:
        return TaskOutcome()

    @made.merge
    def combine(current: Any, output: Any) -> dict[str, Any]:
        return {}

    assert (made.execute_with, made.merge_with) == (perform, combine)


@pytest.mark.parametrize("kind", ["", "two words", "x" * 101])
def test_a_kind_needs_a_name_that_keys_can_hold(kind: str):
    with pytest.raises(ValidationError):
        Handler(kind, run)


def test_an_unjudged_kind_may_neither_execute_nor_ask_for_review():
    for made in (
        Handler("a", run, judged=False, execute=lambda ctx, approved: TaskOutcome()),
        Handler("a", run, judged=False, review="always"),
    ):
        with pytest.raises(ConfigError, match="not judged"):
            HandlerRegistry([made])


def test_a_later_handler_of_a_kind_replaces_the_earlier():
    first, second = Handler("a", run), Handler("a", run, payload=Order)
    registry = HandlerRegistry([first, Handler("b", run), second])
    assert registry.get("a") is second
    assert registry.get("c") is None
    assert registry.kinds() == {"a": Order, "b": None}
    assert [item.kind for item in registry] == ["a", "b"]


KNOWN = HandlerRegistry([Handler("two", run), Handler("one", run)])


def test_a_worker_claims_the_kinds_that_it_has_handlers_for() -> None:
    assert KNOWN.claimed() == ("one", "two")


def test_a_worker_may_claim_some_of_them() -> None:
    assert KNOWN.claimed(["two", "two"]) == ("two",)


def test_a_kind_without_a_handler_is_refused_by_name_with_a_cure() -> None:
    with pytest.raises(ConfigError, match="'three'") as caught:
        KNOWN.claimed(["one", "three"])
    assert "--handlers" in caught.value.hint
