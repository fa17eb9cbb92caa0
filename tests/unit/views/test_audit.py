import pytest

from chimera_cli.models.audit import GENESIS, AuditEntry, AuditReport, chain
from chimera_cli.models.performed import EffectsReport
from chimera_cli.views.audit import audit_grid, report_facts
from chimera_cli.views.documents import audit_document
from tests.builders import NOON
from tests.unit.views.drawing import drawn


def test_an_audit_line_tells_operator_and_time() -> None:
    entry = AuditEntry(at=NOON, operator="ada", action="approve", card_id="c1", task_id="t1", digest="d")
    event = chain(entry, 1, GENESIS)
    assert list(audit_grid([event]).lines()) == ["2026-01-01T12:00:00Z\tada\tapprove\tc1\tt1\t-\t-"]
    assert audit_document([event])["events"][0].keys() >= {"at", "operator", "action", "card_id", "task_id"}


def test_on_a_narrow_screen_every_row_says_what_it_is_about() -> None:
    entry = AuditEntry(at=NOON, operator="ana", action="pause", card_id="", task_id="", digest="", reason="r" * 40)
    rows = [chain(entry.model_copy(update=what), 1, GENESIS) for what in ({"goal_id": "a" * 20}, {"card_id": "b" * 20})]
    shown = drawn(audit_grid(rows), 80)
    assert all(words in shown for words in ("goal " + "a" * 20, "card " + "b" * 20, "rrr"))
    assert all(len(line) <= 80 for line in shown.splitlines())


NO_EFFECTS = "effects\t0 have a signed decision"


@pytest.mark.parametrize(
    ("effects", "holds", "said"),
    [
        (EffectsReport(seen=3, signatures_checked=True), True, "3 have a signed decision"),
        (EffectsReport(seen=3), True, "3 have a decision, whose signatures were not verified: no CHIMERA_APPROVAL_KEY"),
        (EffectsReport(seen=3, unsigned=("t1", "t2")), False, "without a signed decision: t1, t2"),
        (
            EffectsReport(seen=9, unsigned=tuple("abcdefg")),
            False,
            "without a signed decision: a, b, c, d, e and 2 more",
        ),
    ],
)
def test_effects_are_told_with_who_vouches_for_them(effects: EffectsReport, holds: bool, said: str) -> None:
    report = AuditReport(rows=0, head="h", effects=effects)
    assert report.holds is holds
    assert f"effects\t{said}" in list(report_facts(report).lines())


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (AuditReport(rows=2, head="h"), ["rows\t2", "chain\tholds", NO_EFFECTS, "head\th"]),
        (
            AuditReport(rows=2, head="h", first_broken=7),
            ["rows\t2", "chain\tbroken: row 7 does not follow from the one before", NO_EFFECTS, "head\th"],
        ),
        (
            AuditReport(rows=2, head="h", noted_found=False),
            ["rows\t2", "chain\tholds", "noted head\tis not in the chain", NO_EFFECTS, "head\th"],
        ),
    ],
)
def test_a_walk_along_the_chain_tells_what_it_found(report: AuditReport, said: list[str]) -> None:
    assert list(report_facts(report).lines()) == said
