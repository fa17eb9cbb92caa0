from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

import pytest
from pydantic import BaseModel

from chimera_cli.models.plan import PlanChecker, find_cycle
from chimera_cli.models.task import TaskSpec
from tests.builders import NOON, a_spec


class Post(BaseModel):
    text: str


KINDS = {"noop": None, "post": Post}


def problems_of(specs: Sequence[TaskSpec], limit: int | None = None) -> list[str]:
    checker = PlanChecker(KINDS, NOON)
    for spec in specs:
        checker.add(spec)
    return checker.finish(limit)


def test_a_valid_plan_has_no_problems() -> None:
    assert problems_of([a_spec("one"), a_spec("two", depends_on=["one"])]) == []


@pytest.mark.parametrize(
    ("specs", "words"),
    [
        ([], "no tasks"),
        ([a_spec(kind="nope")], "unknown kind 'nope'"),
        ([a_spec(kind="post", payload={"txt": 1})], "payload.text: Field required"),
        ([a_spec(), a_spec()], "used twice"),
        ([a_spec(depends_on=["ghost"])], "'ghost', which is not in the plan"),
        ([a_spec(depends_on=["one"])], "one -> one"),
        ([a_spec("a", depends_on=["b"]), a_spec("b", depends_on=["a"])], "a -> b -> a"),
        ([a_spec(deadline=NOON - timedelta(seconds=1))], "in the past"),
        ([a_spec(deadline=datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))))], "after the year 9000"),
        ([a_spec(deadline=NOON.replace(tzinfo=None))], "no time zone"),
        ([a_spec("big", payload={"t": "é" * 524_288})], "task 'big': payload: 1048584 bytes as JSON, at most 1048576"),
    ],
)
def test_each_rule_is_named_when_broken(specs: list, words: str) -> None:
    assert words in "\n".join(problems_of(specs))


def test_too_many_tasks_are_counted() -> None:
    problems = problems_of([a_spec(f"t{n}") for n in range(4)], limit=3)
    assert problems == ["the plan has 4 tasks, at most 3 are allowed"]


def test_all_problems_are_found_at_once() -> None:
    specs = [a_spec("a", kind="nope"), a_spec("a"), a_spec("b", depends_on=["c"])]
    assert len(problems_of(specs)) == 3


def test_a_plan_may_depend_on_tasks_that_the_goal_has() -> None:
    checker = PlanChecker(KINDS, NOON, known=["old"])
    checker.add(a_spec("new", depends_on=["old"]))
    assert checker.finish() == []


def test_the_place_of_a_problem_is_named() -> None:
    checker = PlanChecker(KINDS, NOON)
    checker.add(a_spec("x", kind="nope"), "line 7")
    assert checker.problems[0].startswith("line 7: task 'x': unknown kind")


def test_a_chain_of_a_hundred_thousand_tasks_needs_no_deep_stack() -> None:
    edges = {f"t{n}": [f"t{n + 1}"] for n in range(100_000)} | {"t100000": []}
    assert find_cycle(edges) == []
    assert len(find_cycle(edges | {"t100000": ["t0"]})) == 100_002


def test_a_diamond_is_no_cycle() -> None:
    assert find_cycle({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}) == []
