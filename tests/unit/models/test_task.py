import pytest
from pydantic import ValidationError

from chimera_cli.models.task import TRANSITIONS, TaskStatus
from tests.builders import a_spec, a_task

TERMINAL = {TaskStatus.COMPLETED, TaskStatus.REJECTED, TaskStatus.FAILED, TaskStatus.CANCELLED}


def test_nothing_follows_a_terminal_status() -> None:
    assert {status for status in TaskStatus if status.terminal} == TERMINAL


def test_held_work_leaves_its_hold_by_a_decision_its_end_or_a_new_judgement_only() -> None:
    assert TRANSITIONS[TaskStatus.NEEDS_REVIEW] == {
        TaskStatus.APPROVED,
        TaskStatus.REJECTED,
        TaskStatus.JUDGING,
        TaskStatus.FAILED,
        TaskStatus.CANCELLED,
    }


@pytest.mark.parametrize(("attempts", "retries"), [(0, 0), (1, 0), (2, 1), (4, 3)])
def test_retries_are_the_attempts_after_the_first(attempts: int, retries: int) -> None:
    assert a_task(attempts=attempts).retry_count == retries


@pytest.mark.parametrize("title", ["", " ", "a\nb", "a\x1b[31mb", "a\x00b", "a\ud800b", "x" * 501])
def test_a_title_that_could_forge_a_line_is_refused(title: str) -> None:
    with pytest.raises(ValidationError):
        a_spec(title=title)


@pytest.mark.parametrize("key", ["", "a b", "a:b", "-a", "ä", "a\n", "x" * 101])
def test_a_key_that_could_be_mistaken_is_refused(key: str) -> None:
    with pytest.raises(ValidationError):
        a_spec(key)


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValidationError):
        a_spec(priorty="high")
