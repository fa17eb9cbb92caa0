"""A worker takes what it can do; what no worker can do waits, and is said everywhere."""

import json

import pytest

from tests.cli.conftest import NewLine
from tests.cli.driver import KINDS, Line

ELSEWHERE = str(KINDS.with_name("elsewhere.py"))
"""A kind that only a newer worker knows."""
SENTENCE = "2 tasks of kind unheard-of wait, no worker serves it"


@pytest.fixture(scope="module")
def line(new_line: NewLine) -> Line:
    return new_line()


def test_a_kind_of_a_newer_release_waits_is_told_and_is_done_when_a_worker_for_it_comes(line: Line) -> None:
    older = line.start("worker", "--count", "2", "--handlers", str(KINDS))
    line.until(lambda: "agent.started" in older.said, "a worker runs")
    line.until(lambda: line.run("status", "--json").json["fleet"] != [], "it is on the board")
    plan = line.write(
        "new.jsonl", '{"key":"a","kind":"unheard-of"}\n{"key":"b","kind":"unheard-of"}\n{"key":"c","kind":"mark"}\n'
    )
    planned = line.run(
        "plan", "--file", plan, "--goal", "new", "--handlers", ELSEWHERE, "--handlers", str(KINDS), "--json"
    )
    goal = planned.json["goal_id"]
    assert f"warning: {SENTENCE}; chimera worker --handlers MODULE" in planned.err
    assert "kind mark" not in planned.err
    line.until(lambda: line.tasks(goal)["c"] == "COMPLETED", "the worker does what it can")
    task = planned.json["tasks"][0]["id"]
    status, board, doctor, shown, plain = line.at_once(
        ("status", "--json"),
        ("status",),
        ("doctor", "--json"),
        ("tasks", "show", task, "--json"),
        ("tasks", "show", task),
    )
    assert status.json["unserved"] == [{"kind": "unheard-of", "waiting": 2}]
    assert SENTENCE in board.out
    # Its exit code tells of the tests' Redis, which writes no log.
    [check] = [check for check in json.loads(doctor.out)["checks"] if check["name"] == "unserved"]
    assert (check["ok"], check["warn"], check["mend"]) == (True, True, "chimera worker --handlers MODULE")
    assert SENTENCE in check["detail"]
    assert shown.json["unserved"] is True
    assert "no worker serves it" in plain.out
    newer = line.start("worker", "--count", "2", "--handlers", ELSEWHERE)
    line.over(goal, "COMPLETED")
    assert line.rows("SELECT DISTINCT attempts FROM tasks WHERE goal_id = %s", goal) == [(1,)]
    assert line.run("status", "--json").json["unserved"] == []
    for worker in (older, newer):
        worker.end()


def test_a_burst_ends_although_work_waits_that_it_cannot_do(line: Line) -> None:
    plan = line.write("mixed.jsonl", '{"key":"a","kind":"unheard-of"}\n{"key":"c","kind":"mark"}\n')
    planned = line.run(
        "plan", "--file", plan, "--goal", "mixed", "--handlers", ELSEWHERE, "--handlers", str(KINDS), "--json"
    )
    assert "no worker serves it" not in planned.err  # None runs, so none is expected to.
    assert line.run("worker", "--count", "2", "--handlers", str(KINDS), "--burst").code == 0
    assert line.tasks(planned.json["goal_id"]) == {"a": "QUEUED", "c": "COMPLETED"}


def test_the_deadline_of_a_task_that_no_worker_serves_holds(line: Line) -> None:
    plan = line.write("late.jsonl", '{"key":"a","kind":"unheard-of"}\n')
    planned = line.run("plan", "--file", plan, "--goal", "late", "--handlers", ELSEWHERE, "--deadline", "2s", "--json")
    worker = line.start("worker", "--count", "1", "--handlers", str(KINDS))
    goal = planned.json["goal_id"]
    line.over(goal, "FAILED")
    ((error,),) = line.rows("SELECT error FROM tasks WHERE goal_id = %s", goal)
    assert error == "its deadline passed while it was QUEUED"
    worker.end()


def test_a_worker_for_a_kind_that_it_does_not_know_does_not_start(line: Line) -> None:
    refused = line.run("worker", "--kinds", "unheard-of", "--json")
    assert refused.code == 6
    assert "'unheard-of'" in refused.err
    assert "--handlers" in refused.err
