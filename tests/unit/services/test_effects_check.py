"""Each effect needs an approval of just this with a signature that verifies."""

from typing import Any

import pytest

from chimera_cli.models.performed import Approval, EffectsReport, Performed, Trace
from chimera_cli.models.release import ReviewMode
from chimera_cli.services.effects_check import check_effects, signed
from chimera_cli.services.vouching import NO_VOUCHER, Voucher
from tests.builders import VOUCHER

OTHER_KEY = Voucher("default", "fedcba9876543210" * 4)


def an_approval(digest: str = "d1", *, by: Voucher = VOUCHER, task: str = "t1") -> Approval:
    seal = by.seal(ReviewMode.PERSON, task_id=task, kind="post", digest=digest, who="ada")
    assert seal is not None
    return Approval(digest=digest, seal=seal)


def an_effect(*approvals: Approval, **fields: Any) -> Performed:
    return Performed(**{"seq": 1, "task_id": "t1", "kind": "post", "digest": "d1", "approvals": approvals, **fields})


@pytest.mark.parametrize(
    ("effect", "held"),
    [
        (an_effect(an_approval()), True),
        (an_effect(an_approval("d0"), an_approval()), True),
        (an_effect(an_approval(), digest=""), True),
        (an_effect(), False),
        (an_effect(an_approval("d0")), False),
        (an_effect(an_approval(task="t2")), False),
        (an_effect(an_approval(by=OTHER_KEY)), False),
        (an_effect(an_approval(), kind="other"), False),
    ],
)
def test_an_approval_of_just_this_vouches_and_no_other(effect: Performed, held: bool) -> None:
    assert signed(effect, VOUCHER) is held


def test_without_a_key_a_signature_is_seen_and_not_verified() -> None:
    assert signed(an_effect(an_approval(by=OTHER_KEY)), NO_VOUCHER)
    assert not signed(an_effect(), NO_VOUCHER)


class Shelf:
    """A record with so many effects of each trace, every tenth of them without an approval."""

    def __init__(self, count: int) -> None:
        self.count = count

    async def performed(self, trace: Trace, after: int, limit: int) -> list[Performed]:
        numbers = range(after + 1, min(after + 1 + limit, self.count))
        return [an_effect(*([an_approval()] * (n % 10 > 0)), seq=n, **self._of(n)) for n in numbers]

    def _of(self, number: int) -> dict[str, str]:
        return {} if number % 10 else {"task_id": f"bad-{number}"}


async def test_all_effects_are_walked_and_each_task_is_named_once() -> None:
    report = await check_effects(Shelf(1205), VOUCHER)  # type: ignore[arg-type]
    assert report == EffectsReport(
        seen=2410, unsigned=tuple(f"bad-{n}" for n in range(0, 1205, 10)), signatures_checked=True
    )
