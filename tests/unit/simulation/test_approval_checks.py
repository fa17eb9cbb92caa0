from dataclasses import replace

import pytest

from chimera_cli.models.review import CardStatus
from chimera_cli.models.task import Phase, TaskStatus
from chimera_cli.simulation.approval_checks import decisions_are_audited, held_work_does_not_run
from chimera_cli.simulation.evidence import Evidence
from tests.unit.simulation.good_run import good_run, step, tid, with_card, with_event, without


def test_a_start_between_held_and_approved_is_found() -> None:
    bad = with_event(step("draft", 2.0, "started", TaskStatus.RUNNING, agent="b1", generation=3))
    assert held_work_does_not_run(bad).detail == "draft was started while it was held"


def test_an_execution_without_an_approval_is_found() -> None:
    bad = without("publish", "approved", "held")
    assert held_work_does_not_run(bad).detail == "publish was executed before it was approved"


def test_an_execution_before_the_approval_is_found() -> None:
    early = step("publish", 4.25, "started", TaskStatus.RUNNING, phase=Phase.EXECUTE, agent="b1")
    assert "publish was executed before it was approved" in held_work_does_not_run(with_event(early)).detail


def test_a_card_whose_content_is_not_what_its_digest_binds_is_found() -> None:
    bad = with_card("draft", content="something else")
    assert held_work_does_not_run(bad).detail == "draft: what the card shows is not what its digest binds"


def test_a_post_that_is_not_what_was_approved_is_found() -> None:
    other = {"idempotency_key": f"{tid('publish')}:execute", "platform": "twitter", "post": {"text": "other"}}
    bad = replace(good_run(), posts=[other])
    assert held_work_does_not_run(bad).detail == "publish: what was posted is not what was proposed and approved"


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (replace(good_run(), audit=good_run().audit[:1]), "card card-publish has 0 audit rows"),
        (replace(good_run(), audit=[*good_run().audit, good_run().audit[-1]]), "card card-publish has 2 audit rows"),
        (with_card("draft", decided_by="somebody"), "card card-draft was decided by somebody"),
        (with_card("draft", status=CardStatus.PENDING), "an audit row names card card-draft, which nobody decided"),
    ],
)
def test_a_decision_without_exactly_one_true_row_is_found(bad: Evidence, said: str) -> None:
    check = decisions_are_audited(bad)
    assert not check.ok
    assert said in check.detail


def test_a_broken_chain_is_found() -> None:
    good = good_run()
    forged = good.audit[0].model_copy(update={"reason": "written later"})
    assert decisions_are_audited(replace(good, audit=[forged, *good.audit[1:]])).detail == (
        "the chain of the audit breaks at row 1"
    )
