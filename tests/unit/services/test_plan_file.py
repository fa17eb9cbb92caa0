import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from chimera_cli.exceptions import InvalidInput, InvalidPlan
from chimera_cli.models.task import Priority
from chimera_cli.services.plan_file import PlanDocument, check_tasks, parse_json, tasks_in_lines

NOW = datetime(2030, 1, 1, tzinfo=UTC)
KINDS = {"noop": None}


def lines(*tasks: dict[str, object]) -> list[str]:
    return [json.dumps(task) + "\n" for task in tasks]


def test_a_document_gives_goal_persona_and_tasks() -> None:
    task = {"key": "a", "kind": "noop", "priority": "high"}
    document = PlanDocument(json.dumps({"goal": "g", "persona": {"name": "Ana"}, "tasks": [task]}))
    [(place, spec)] = document.tasks()
    assert (document.goal, document.persona and document.persona.name) == ("g", "Ana")
    assert (place, spec.key, spec.priority) == ("tasks[0]", "a", Priority.HIGH)


def test_lines_are_counted_and_empty_ones_skipped() -> None:
    text = ["\n", *lines({"key": "a", "kind": "noop"}), "  \n", *lines({"key": "b", "kind": "noop"})]
    assert [(place, spec.key) for place, spec in tasks_in_lines(text)] == [("line 2", "a"), ("line 4", "b")]


def test_lines_are_read_one_at_a_time() -> None:
    read: list[int] = []

    def source() -> Iterator[str]:
        for number in range(3):
            read.append(number)
            yield from lines({"key": f"k{number}", "kind": "noop"})

    found = tasks_in_lines(source())
    next(found)
    assert read == [0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"goal": "g",\n "tasks": [}', "plan, line 2 column 12"),
        ('{"tasks": [NaN]}', "NaN is no JSON"),
        ('{"tasks": [1e999]}', "1e999 is too large a number"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "must be a JSON object"),
        ('{"tasks": {}}', "must be a JSON object"),
        ("", "line 1 column 1"),
    ],
)
def test_a_document_that_cannot_be_read_says_where(text: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        PlanDocument(text)
    assert message in caught.value.message
    assert caught.value.exit_code == 2


def test_bad_json_in_a_line_is_named_by_line_and_column() -> None:
    with pytest.raises(InvalidInput, match=r"tasks\.jsonl line 2, column 9"):
        list(tasks_in_lines([*lines({"key": "a", "kind": "noop"}), '{"key": }\n'], "tasks.jsonl"))


@pytest.mark.parametrize(
    ("task", "problem"),
    [
        ({"key": "a", "kind": "noop", "colour": 1}, "line 1: task 'a': unknown field 'colour'"),
        ({"key": "a"}, "line 1: task 'a': kind: Field required"),
        ({"key": "a b", "kind": "noop"}, "line 1: task 'a b': key: "),
        ({"key": "a", "kind": "noop", "title": "x\x1b[2J"}, "line 1: task 'a': title: "),
        ({"key": "a", "kind": "noop", "max_retries": -1}, "max_retries: "),
        ([], "line 1: a task must be a JSON object"),
    ],
)
def test_a_line_that_is_no_task_names_line_key_and_field(task: object, problem: str) -> None:
    with pytest.raises(InvalidPlan) as caught:
        list(tasks_in_lines([json.dumps(task)]))
    assert problem in caught.value.message


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        ({"tasks": [], "budget": 1}, "unknown field 'budget'"),
        ({"tasks": [], "goal": 7}, "goal must be a text"),
        ({"tasks": [], "persona": {"name": ""}}, "persona.name: "),
        ({"tasks": [], "persona": {"name": "x", "mood": 1}}, "unknown field 'persona.mood'"),
    ],
)
def test_a_frame_that_breaks_the_rules_names_the_field(frame: dict[str, object], problem: str) -> None:
    with pytest.raises(InvalidPlan) as caught:
        PlanDocument(json.dumps(frame))
    assert problem in caught.value.message


def test_everything_wrong_with_a_plan_is_told_at_once() -> None:
    text = lines(
        {"key": "a", "kind": "noop", "depends_on": ["b"]},
        {"key": "b", "kind": "noop", "depends_on": ["a"]},
        {"key": "c", "kind": "unknown"},
        {"key": "a", "kind": "noop", "deadline": "2000-01-01T00:00:00Z"},
    )
    with pytest.raises(InvalidPlan) as caught:
        check_tasks(tasks_in_lines(text), KINDS, NOW)
    problems = "\n".join(caught.value.problems)
    assert "line 3: task 'c': unknown kind 'unknown'" in problems
    assert "line 4: task 'a': the key is used twice" in problems
    assert "in the past" in problems


def test_a_cycle_is_named_by_its_keys() -> None:
    text = lines({"key": "a", "kind": "noop", "depends_on": ["b"]}, {"key": "b", "kind": "noop", "depends_on": ["a"]})
    with pytest.raises(InvalidPlan, match="dependency cycle: a -> b -> a"):
        check_tasks(tasks_in_lines(text), KINDS, NOW)


def test_a_file_full_of_mistakes_is_not_read_to_its_end() -> None:
    read = 0

    def source() -> Iterator[str]:
        nonlocal read
        for number in range(10_000):
            read += 1
            yield from lines({"key": f"k{number}", "kind": "unknown"})

    with pytest.raises(InvalidPlan) as caught:
        check_tasks(tasks_in_lines(source()), KINDS, NOW)
    assert read == 100
    assert "what follows line" in caught.value.hint
    assert "--handlers" in caught.value.hint


def test_a_good_plan_is_counted_and_may_lean_on_keys_that_are_there() -> None:
    text = lines({"key": "b", "kind": "noop", "depends_on": ["a"]})
    assert check_tasks(tasks_in_lines(text), KINDS, NOW, known=["a"]) == 1


def test_numbers_too_long_to_read_are_no_crash() -> None:
    with pytest.raises(InvalidInput):
        parse_json("1" * 5000, "plan")
