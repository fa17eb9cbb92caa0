"""Each outcome is one answer to the queue."""

from datetime import timedelta
from typing import Any

import pytest

from chimera_cli.agents.outcome import Move, Outcome, commit
from chimera_cli.models.result import TaskResult
from chimera_cli.services.retry import RetryDecision
from tests.unit.agents.crew_fakes import FakeQueue, lease

RESULT = TaskResult(output="done")
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("outcome", "answers"),
    [
        (Outcome(move=Move.COMPLETE, result=RESULT, digest="d"), [("complete", lease(), RESULT, "d")]),
        (Outcome(move=Move.HAND_OVER, result=RESULT), [("hand_over", lease(), RESULT)]),
        (Outcome(move=Move.RERUN, error="moved on"), [("rerun", lease(), "moved on", timedelta(0))]),
        (Outcome(move=Move.RERUN, error="moved on", delay=MINUTE), [("rerun", lease(), "moved on", MINUTE)]),
        (Outcome(move=Move.JUDGE, error="unsigned"), [("judge_again", lease(), "unsigned", False)]),
        (
            Outcome(move=Move.JUDGE, error="unsigned", result=TaskResult(review_always=True)),
            [("judge_again", lease(), "unsigned", True)],
        ),
        (Outcome(move=Move.FAIL, error="no"), [("fail", lease(), "no")]),
        (Outcome(move=Move.RETRY, error="no", delay=MINUTE), [("retry", lease(), MINUTE, "no", True)]),
        (
            Outcome(move=Move.RETRY, error="no", delay=MINUTE, costs_attempt=False, park=MINUTE),
            [("park", lease(), MINUTE), ("retry", lease(), MINUTE, "no", False)],
        ),
    ],
    ids=lambda value: value.move if isinstance(value, Outcome) else "",
)
async def test_each_move_is_one_answer(outcome: Outcome, answers: list[Any]) -> None:
    queue = FakeQueue()
    await commit(queue, lease(), outcome)
    assert queue.answers == answers


def test_every_move_has_its_answer_in_the_table_above() -> None:
    assert {move.name for move in Move} == {"COMPLETE", "HAND_OVER", "RERUN", "FAIL", "RETRY", "JUDGE"}


@pytest.mark.parametrize(("retry", "move"), [(True, Move.RETRY), (False, Move.FAIL)])
def test_a_retry_decision_becomes_an_outcome_with_all_it_says(retry: bool, move: Move) -> None:
    decision = RetryDecision(retry=retry, error="no", delay=MINUTE, costs_attempt=False, park=MINUTE)
    outcome = Outcome.of(decision, trace="where")
    assert (outcome.move, outcome.error, outcome.delay) == (move, "no", MINUTE)
    assert (outcome.costs_attempt, outcome.park, outcome.trace) == (False, MINUTE, "where")
