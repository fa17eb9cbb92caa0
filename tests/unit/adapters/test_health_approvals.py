"""Doctor tells whether the key for approvals is there and fits, and what waits for another."""

import pytest

from chimera_cli.adapters.health_approvals import key_check, waiting_check
from chimera_cli.models.release import UNVOUCHED_CURE, ReviewMode
from chimera_cli.models.review import ReviewCard
from chimera_cli.models.unserved import KEY_CURE, Unexecuted
from chimera_cli.services.vouching import NO_VOUCHER, Voucher
from tests.builders import VOUCHER, a_card, a_task

OTHER = Voucher("default", "fedcba9876543210" * 4)


def signed_by(voucher: Voucher) -> ReviewCard:
    card = a_card(a_task(), 2)
    what = {"task_id": card.task_id, "kind": card.kind, "digest": card.judgement.digest}
    return card.model_copy(update={"seal": voucher.seal(ReviewMode.PERSON, **what, who="ada")})


@pytest.mark.parametrize(
    ("voucher", "newest", "ok", "words"),
    [
        (NO_VOUCHER, None, False, "is not set"),
        (VOUCHER, None, True, "no person has signed"),
        (VOUCHER, signed_by(VOUCHER), True, "was signed with it"),
        (VOUCHER, signed_by(OTHER), False, "signed with another"),
    ],
)
def test_the_key_is_compared_with_the_last_approval(
    voucher: Voucher, newest: ReviewCard | None, ok: bool, words: str
) -> None:
    check = key_check(voucher, newest)
    assert (check.name, check.ok) == ("approvals.key", ok)
    assert words in check.detail
    assert ok or check.mend


def test_tasks_for_which_no_worker_vouches_are_named_with_the_cure() -> None:
    assert waiting_check([]).warn is False
    check = waiting_check([f"t{n}" for n in range(7)])
    assert (check.ok, check.warn) == (True, True)
    assert "t0, t1, t2, t3, t4 and 2 more" in check.detail
    assert "chimera tasks cancel ID" in check.mend


def test_approved_tasks_that_no_worker_has_the_key_for_are_told_before_those_that_none_vouches_for() -> None:
    without_key = [Unexecuted(kind="x", waiting=2)]
    check = waiting_check([], without_key)
    said = "2 approved tasks of kind x wait, no live worker for it has CHIMERA_APPROVAL_KEY"
    assert (check.name, check.ok, check.warn, check.detail) == ("approvals.waiting", True, True, said)
    assert check.mend == KEY_CURE
    both = waiting_check(["t0"], without_key)
    assert both.detail == f"{said}; not executed, for their release is not vouched for: t0"
    assert both.mend == f"{KEY_CURE}; {UNVOUCHED_CURE}"
