import pytest

from chimera_cli.models.order import Order, OrderAction
from chimera_cli.models.task import RETRIED, TaskStatus
from tests.builders import GOAL, NOON


@pytest.mark.parametrize(("reason", "why"), [("", "paused by ana"), ("lunch", "paused by ana: lunch")])
def test_an_order_says_itself_in_a_sentence(reason: str, why: str) -> None:
    order = Order(seq=1, at=NOON, action=OrderAction.PAUSE, goal_id=GOAL, operator="ana", reason=reason)
    assert order.why == why


def test_every_action_has_words_for_what_becomes_of_its_subject() -> None:
    assert {action: action.past for action in OrderAction} == {
        "pause": "paused",
        "resume": "resumed",
        "cancel": "cancelled",
        "retry": "retried",
    }


def test_exactly_the_bad_ends_can_be_retried() -> None:
    assert {status for status in TaskStatus if status.terminal} - RETRIED == {TaskStatus.COMPLETED}
