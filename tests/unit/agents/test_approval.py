"""Nothing is executed unless one who has the key says that it was approved, and a wrong key costs nobody anything."""

from typing import Any

import pytest

from chimera_cli.agents.approval import Approvals, NotVouched, Unreleased
from chimera_cli.exceptions import HandlerError
from chimera_cli.models.delivery import Delivery
from chimera_cli.models.identity import content_digest
from chimera_cli.models.release import ReviewMode, Seal
from chimera_cli.models.task import Phase
from chimera_cli.services.vouching import NO_VOUCHER, Voucher
from tests.builders import VOUCHER
from tests.unit.agents.crew_fakes import delivery

WRONG = Voucher("default", "fedcba9876543210" * 4)


class Desk:
    """What a process demands, with a clock that a test moves."""

    def __init__(self, voucher: Voucher = VOUCHER) -> None:
        self.time = 1000.0
        self.approvals = Approvals(voucher, monotonic=lambda: self.time)

    def refuses(self, task: Delivery) -> float:
        """Have a task refused for its seal, and return for how long no other is claimed."""
        with pytest.raises(NotVouched):
            self.approvals.check(task, always=False)
        begun = self.time
        while not self.approvals.open:
            self.time += 1.0
        return self.time - begun


def released(mode: ReviewMode = ReviewMode.PERSON, *, by: Voucher = VOUCHER, **fields: Any) -> Delivery:
    """A task that was let pass, rightly unless a field says otherwise."""
    task = delivery(phase=Phase.EXECUTE, output="post", policy_version="p1", rubric_version="r1")
    digest = content_digest("t1", task.payload, task.output, "p1", "r1")
    seal = by.seal(mode, task_id="t1", kind=task.kind, digest=digest, who="ada")
    return task.model_copy(update={"digest": digest, "seal": seal, **fields})


@pytest.mark.parametrize(
    ("mode", "always"), [(ReviewMode.PERSON, True), (ReviewMode.PERSON, False), (ReviewMode.GATE, False)]
)
def test_what_was_let_pass_by_whoever_has_to_passes(mode: ReviewMode, always: bool) -> None:
    Desk().approvals.check(released(mode), always=always)


def test_the_gate_cannot_let_pass_what_a_person_must_see() -> None:
    with pytest.raises(Unreleased) as caught:
        Desk().approvals.check(released(ReviewMode.GATE), always=True)
    assert caught.value.always


@pytest.mark.parametrize("always", [True, False])
def test_what_nobody_signed_is_judged_again(always: bool) -> None:
    with pytest.raises(Unreleased, match="not signed") as caught:
        Desk().approvals.check(released(seal=None), always=always)
    assert caught.value.always is always


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "other"},
        {"seal": Seal(mode=ReviewMode.PERSON, who="ada", signature="0" * 64)},
        {"seal": released().seal.model_copy(update={"who": "eve"})},  # type: ignore[union-attr]
        {"seal": released(ReviewMode.GATE).seal.model_copy(update={"mode": ReviewMode.PERSON})},  # type: ignore[union-attr]
    ],
)
def test_a_seal_of_anything_else_vouches_for_nothing(changed: dict[str, Any]) -> None:
    Desk().refuses(released(**changed))


def test_other_content_than_what_was_approved_is_refused_whoever_signed() -> None:
    with pytest.raises(HandlerError, match="digest differs"):
        Desk().approvals.check(released(output="another post"), always=False)


def test_a_process_without_a_key_claims_no_effects_and_executes_none() -> None:
    desk = Desk(NO_VOUCHER)
    assert not desk.approvals.open
    with pytest.raises(NotVouched, match="CHIMERA_APPROVAL_KEY is not set"):
        desk.approvals.check(released(), always=False)


def test_a_process_with_a_wrong_key_leaves_effects_to_others_longer_each_time() -> None:
    desk = Desk(WRONG)
    assert [desk.refuses(released()) for _ in range(7)] == [2, 4, 8, 16, 32, 60, 60]


def test_among_rightly_signed_tasks_a_forged_one_holds_a_process_up_for_a_moment_only() -> None:
    desk = Desk()
    for _ in range(3):
        assert desk.refuses(released(by=WRONG)) == 2
        desk.approvals.check(released(), always=True)
