"""People approve results that all want to write to one key of the goal's state."""

import pytest

from tests.cli.conftest import NewLine
from tests.cli.driver import KINDS, Line


@pytest.fixture(scope="module")
def goal(line: Line) -> str:
    tasks = [{"key": f"{kind}-{n}", "kind": kind} for kind in ("merged", "remade") for n in (1, 2)]
    goal = line.submit("share a list", tasks)
    line.until(lambda: set(line.tasks(goal).values()) == {"NEEDS_REVIEW"}, "all four are held")
    approve_all(line, goal)
    line.until(lambda: held_again(line, goal), "one result was made again and is held")
    approve_all(line, goal)
    line.over(goal)
    return goal


def approve_all(line: Line, goal: str) -> None:
    cards = [id for (id,) in line.rows("SELECT id FROM cards WHERE goal_id = %s AND status = 'PENDING'", goal)]
    assert line.run("review", "approve", *cards, "--as", "ada").code == 0


def held_again(line: Line, goal: str) -> bool:
    return sorted(line.tasks(goal).values()) == ["COMPLETED"] * 3 + ["NEEDS_REVIEW"]


def test_a_conflict_after_approval_is_merged_without_another_run(line: Line, goal: str) -> None:
    runs = [key for _, _, _, key in line.marked("merged")]
    assert sorted(runs) == ["merged-1", "merged-2"]
    ((names, version),) = line.rows("SELECT value, version FROM state WHERE goal_id = %s AND key = 'merged'", goal)
    assert sorted(names) == ["merged-1", "merged-2"]
    assert version == 2
    assert {line.history(goal, key).count("task.held") for key in runs} == {1}


def test_without_a_merge_the_result_is_made_again_and_card_and_audit_say_so(line: Line, goal: str) -> None:
    runs = [key for _, _, _, key in line.marked("remade")]
    assert sorted(set(runs)) == ["remade-1", "remade-2"]
    assert len(runs) == 3
    (again,) = {key for key in runs if runs.count(key) == 2}
    ((names, version),) = line.rows("SELECT value, version FROM state WHERE goal_id = %s AND key = 'remade'", goal)
    assert names[-1] == again
    assert sorted(names) == ["remade-1", "remade-2"]
    assert version == 2
    notes = line.rows(
        "SELECT c.status, c.note FROM cards c JOIN tasks t ON t.id = c.task_id"
        " WHERE t.goal_id = %s AND t.key = %s ORDER BY c.created_at",
        goal,
        again,
    )
    assert [status for status, _ in notes] == ["APPROVED", "APPROVED"]
    assert "made again" in notes[0][1], notes
    actions = line.rows(
        "SELECT a.action FROM audit a JOIN tasks t ON t.id = a.task_id WHERE t.goal_id = %s AND t.key = %s ORDER BY a.seq",
        goal,
        again,
    )
    assert [action for (action,) in actions] == ["approve", "rerun", "approve"]


def test_twelve_workers_at_one_state_key_fail_none_of_their_tasks_however_often_they_meet(new_line: NewLine) -> None:
    line = new_line(CHIMERA_WORKER__MAX_CONFLICTS="0")
    payload = {"counter": "crowd", "i": 1, "s": 0.2, "gate": line.gate("crowd")}
    line.open_gate("crowd")
    tasks = [{"key": f"t-{n}", "kind": "tally", "payload": payload, "max_retries": 0} for n in range(12)]
    goal = line.submit("meet at one key", tasks)
    line.start("worker", "--count", "12", "--handlers", str(KINDS))
    line.over(goal)
    assert line.rows("SELECT value, version FROM state WHERE goal_id = %s", goal) == [(12, 12)]
    assert line.rows("SELECT max(attempts) FROM tasks WHERE goal_id = %s", goal) == [(1,)]
    [(conflicts,)] = line.rows("SELECT count(*) FROM events WHERE goal_id = %s AND name = 'task.conflicted'", goal)
    assert conflicts >= 11
