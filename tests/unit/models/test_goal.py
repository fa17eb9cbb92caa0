import pytest
from pydantic import ValidationError

from chimera_cli.models.goal import GoalStatus, Ledger
from tests.builders import a_goal


def test_a_ledger_balances_when_every_task_is_somewhere() -> None:
    assert Ledger(submitted=10, finished=4, failed=1, cancelled=2, live=3).balanced
    assert not Ledger(submitted=10, finished=4, failed=1, cancelled=2, live=2).balanced


def test_a_goal_that_waits_for_a_planner_is_not_over() -> None:
    assert {status for status in GoalStatus if not status.terminal} == {GoalStatus.ACTIVE, GoalStatus.REPLANNING}


def test_a_goal_may_have_several_lines() -> None:
    assert a_goal(text="first\nsecond\tthird").text == "first\nsecond\tthird"


@pytest.mark.parametrize("text", ["", "  ", "a\x00b", "a\x1b]0;b", "\udcff", "x" * 4001])
def test_a_goal_that_no_store_could_bear_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        a_goal(text=text)
