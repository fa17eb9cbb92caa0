"""What happens to a result in which the judge has little confidence, when the policy says `reject`."""

import signal

import pytest

from tests.cli.conftest import NewLine
from tests.cli.driver import KINDS, Line

OPEN = {"topic": "growth", "platform": "twitter", "brief": "an open question, no firm advice"}


@pytest.fixture(scope="module")
def strict(new_line: NewLine) -> tuple[Line, str]:
    line = new_line(CHIMERA_GATE__LOW_CONFIDENCE="reject", CHIMERA_GATE__MAX_REVISIONS="2")
    roles = [line.start("worker", "--count", "4", "--handlers", str(KINDS)), line.start("judge", "--count", "2")]
    goal = line.submit(
        "be strict",
        [{"key": "vague", "kind": "vague"}, {"key": "draft", "kind": "content.draft", "payload": OPEN}],
    )
    line.until(lambda: set(line.tasks(goal).values()) == {"NEEDS_REVIEW"}, "both end at a person")
    for role in roles:
        role.signal(signal.SIGTERM)
    assert [role.ended().code for role in roles] == [0, 0]
    return line, goal


def test_a_weak_result_is_sent_back_with_reasons_and_its_better_version_is_judged(strict: tuple[Line, str]) -> None:
    line, goal = strict
    history = line.history(goal, "draft")
    assert history.count("task.revised") == 1
    assert history[history.index("task.revised") :][1:4] == ["task.started", "task.judging", "task.held"]
    outputs = line.rows(
        "SELECT e.output->>'text' FROM events e JOIN tasks t ON t.id = e.task_id"
        " WHERE t.goal_id = %s AND t.key = 'draft' AND e.name = 'task.judging' ORDER BY e.seq",
        goal,
    )
    assert "stuff" in outputs[0][0]
    assert "stuff" not in outputs[1][0]


def test_a_result_that_stays_weak_is_revised_so_often_as_allowed_and_then_a_persons(strict: tuple[Line, str]) -> None:
    line, goal = strict
    history = line.history(goal, "vague")
    assert history.count("task.revised") == 2
    assert history[-1] == "task.held"
    assert len(line.marked("vague")) == 3
    ((attempts,),) = line.rows("SELECT attempts FROM tasks WHERE goal_id = %s AND key = 'vague'", goal)
    assert attempts == 1
    ((confidence,),) = line.rows(
        "SELECT c.judgement->'verdict'->>'confidence' FROM cards c JOIN tasks t ON t.id = c.task_id"
        " WHERE t.goal_id = %s AND t.key = 'vague'",
        goal,
    )
    assert float(confidence) == 0.6
