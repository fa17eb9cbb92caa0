"""Handlers that misbehave in every way, and what a worker makes of it."""

import re

import pytest

from tests.cli.driver import KINDS, Line

STYLE = re.compile(r"\x1b\[[0-9;]*m")
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]")
FAULTS = {
    "raising": "the sky fell",
    "hanging": "0.3 s",
    "blocking": "0.3 s",
    "no-json": "JSON",
    "nothing": "TaskOutcome",
}
"""Kinds that fail, and what the record says of it."""


@pytest.fixture(scope="module")
def goal(line: Line) -> str:
    tasks = [{"key": kind, "kind": kind, "max_retries": int(kind == "raising")} for kind in FAULTS]
    tasks += [{"key": "after", "kind": "mark", "depends_on": ["raising"]}, {"key": "fine", "kind": "mark"}]
    goal = line.submit("misbehave", tasks, "--handlers", str(KINDS.with_name("elsewhere.py")))
    line.over(goal, "FAILED")
    return goal


def test_each_fault_fails_its_task_with_a_reason_and_touches_no_other(line: Line, goal: str) -> None:
    assert line.tasks(goal) == {**dict.fromkeys(FAULTS, "FAILED"), "after": "CANCELLED", "fine": "COMPLETED"}
    errors = dict(line.rows("SELECT key, error FROM tasks WHERE goal_id = %s", goal))
    assert {kind: error for kind, error in errors.items() if kind in FAULTS and FAULTS[kind] not in error} == {}
    attempts = dict(line.rows("SELECT key, attempts FROM tasks WHERE goal_id = %s", goal))
    assert {kind: attempts[kind] for kind in FAULTS} == {**dict.fromkeys(FAULTS, 1), "raising": 2}
    assert len(line.history(goal, "raising")) == len(["queued", "started", "delayed", "queued", "started", "failed"])


def test_dead_letters_are_listed_with_their_reason_and_nothing_steers_the_terminal(line: Line, goal: str) -> None:
    listed, shown = line.at_once(
        ("tasks", "list", "--goal", goal, "--status", "failed"),
        ("tasks", "show", task_of(line, goal, "raising"), "--color", "always"),
    )
    assert len(listed.out.splitlines()) == len(FAULTS)
    assert "the sky fell" in shown.out
    assert not STEERING.search(listed.out + STYLE.sub("", shown.out))
    assert all(kind in listed.out for kind in FAULTS)


def test_hostile_content_reaches_no_terminal_and_no_log_line_and_is_stored_as_it_is(line: Line) -> None:
    goal = line.submit("hostile", [{"key": "n", "kind": "nasty"}])
    line.until(lambda: line.tasks(goal)["n"] == "NEEDS_REVIEW", "it is held")
    ((card, content),) = line.rows("SELECT id, content::text FROM cards WHERE goal_id = %s", goal)
    assert "u001b[31m" in content
    drawn, as_json = line.at_once(
        ("review", "show", card, "--color", "always"),
        ("review", "show", card, "--json"),
    )
    for ended in (drawn, as_json):
        assert ended.code == 0
        assert not STEERING.search(STYLE.sub("", ended.out))
    assert as_json.json["content"]["text"].startswith("ring\x07 red\x1b[31m")
    lines = line.said().splitlines()
    assert any("nasty.said" in said for said in lines)
    assert all(said.startswith("[MCP-LOG] ") for said in lines)
    assert not any(STEERING.search(said) for said in lines)


def task_of(line: Line, goal: str, key: str) -> str:
    ((task,),) = line.rows("SELECT id FROM tasks WHERE goal_id = %s AND key = %s", goal, key)
    return str(task)
