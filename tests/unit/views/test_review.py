from datetime import timedelta

import pytest

from chimera_cli.models.gate import Finding, GateDecision, Judgement, Route
from chimera_cli.models.review import CardStatus, ReviewCard
from chimera_cli.models.verdict import CriterionScore, Verdict
from chimera_cli.views.documents import card_document, cards_document
from chimera_cli.views.review import MarkedText, card_page, cards_grid
from chimera_cli.views.shown import Cell
from chimera_cli.views.theme import confidence_style, confidence_text
from tests.builders import NOON, a_card, a_task
from tests.unit.views.drawing import ESCAPE, drawn

NOW = NOON + timedelta(minutes=5)


def a_held_card(confidence: float | None = 0.6, content: object = "my password is x") -> ReviewCard:
    found = Finding(rule="security.password", where="output", span=(3, 11), excerpt="password", message="a secret")
    scores = (CriterionScore(criterion="safety", quote="password", reason="tells one", score=1),)
    verdict = Verdict(confidence=confidence, scores=scores, vetoed=("safety",), rubric_version="r1")
    decision = GateDecision(route=Route.REVIEW, reasons=("sensitive word",), findings=(found,), policy_version="p1")
    judgement = Judgement(verdict=verdict, decision=decision, digest="d1")
    card = a_card(a_task(title="Write it"), 1, status=CardStatus.PENDING)
    return card.model_copy(update={"judgement": judgement, "content": content, "decided_by": None})


@pytest.mark.parametrize(
    ("confidence", "style", "text"),
    [
        (0.901, "green", "0.901"),
        (0.9, "yellow", "0.900"),
        (0.7, "yellow", "0.700"),
        (0.69999, "red", "0.699"),
        (0.0, "red", "0.000"),
        (1.0, "green", "1.000"),
        (None, "dim", "unscored"),
    ],
)
def test_colours_follow_the_bands_and_rounding_crosses_none(confidence: float | None, style: str, text: str) -> None:
    assert confidence_style(confidence) == style
    assert confidence_text(confidence) == text


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_card_shows_what_a_reviewer_needs_within_the_screen(width: int) -> None:
    shown = drawn(card_page(a_held_card(), NOW), width)
    assert all(len(line) <= width for line in shown.splitlines())
    for words in ("c" * 20, "0.600", "sensitive word", "my password is x", "security.password", "5m", "1/5"):
        assert words in shown


def test_a_finding_is_marked_where_it_stands() -> None:
    view = MarkedText("content", "my password is x", [Finding(rule="r", where="output", span=(3, 11))])
    assert list(view.pieces()) == [("my ", False), ("password", True), (" is x", False)]
    assert list(view.lines()) == ["content\tmy [[password]] is x"]
    assert "\x1b[1;37;41mpassword\x1b[0m" in drawn(view, colour=True)


def test_escapes_before_a_finding_do_not_shift_its_mark() -> None:
    view = MarkedText("content", "\x1b\x1bpassword\x1b", [Finding(rule="r", where="output", span=(2, 10))])
    assert list(view.lines()) == ["content\t\\x1b\\x1b[[password]]\\x1b"]
    assert ESCAPE not in drawn(view)


def test_findings_that_overlap_are_one_mark() -> None:
    findings = [Finding(rule="r", where="output", span=span) for span in [(4, 6), (0, 2), (1, 5), (7, 7), (6, 7)]]
    assert [piece for piece, marked in MarkedText("c", "abcdefghi", findings).pieces() if marked] == ["abcdefg"]


def test_a_span_beyond_the_text_breaks_nothing() -> None:
    view = MarkedText("c", "abc", [Finding(rule="r", where="output", span=(1, 99))])
    assert list(view.lines()) == ["c\ta[[bc]]"]


def test_content_that_is_an_object_is_shown_as_the_screens_read_it() -> None:
    assert '"text": "hi"' in drawn(card_page(a_held_card(content={"text": "hi"}), NOW))


def test_a_decided_card_says_who_and_when() -> None:
    shown = drawn(card_page(a_card(a_task(), 1, status=CardStatus.REJECTED), NOW), 100)
    assert "REJECTED by ada at 2026-01-01T12:00:00Z" in shown
    assert "not our tone" in shown


@pytest.mark.parametrize("width", [60, 80, 200])
def test_cards_in_a_list_keep_id_confidence_and_reason(width: int) -> None:
    shown = drawn(cards_grid([a_held_card()], NOW), width)
    assert "c" * 20 in shown
    assert "0.600" in shown
    assert "sensitive" in shown


def test_a_list_tells_what_is_about_to_expire_and_what_was_shown() -> None:
    card, week = a_held_card(), timedelta(days=7)
    [line] = cards_grid([card], card.created_at + timedelta(days=6, hours=23), week).lines()
    assert line.split("\t")[3:6] == ["6d23h", "1h", card.judgement.digest[:12]]
    assert cards_grid([card], card.created_at, None).rows[0][4] == Cell("-")
    assert cards_grid([card], card.created_at + timedelta(days=6, hours=23), week).rows[0][4].style == "red"  # type: ignore[union-attr]
    [listed] = cards_document([card], week)["cards"]
    assert listed["expires_at"] == (card.created_at + week).isoformat()
    assert listed["digest"] == card.judgement.digest


def test_what_is_decided_or_expired_expires_no_more() -> None:
    for status in (CardStatus.APPROVED, CardStatus.EXPIRED, CardStatus.STALE):
        card = a_card(a_task(), 1, status=status)
        assert card_document(card, timedelta(days=7))["expires_at"] is None


def test_a_card_that_expired_says_when_and_why_and_names_nobody() -> None:
    card = a_held_card().model_copy(
        update={"status": CardStatus.EXPIRED, "decided_at": NOON, "reason": "nobody decided it within 168 h"}
    )
    shown = drawn(card_page(card, NOW), 100)
    assert "EXPIRED at 2026-01-01T12:00:00Z" in shown
    assert "nobody decided it within 168 h" in shown


def test_a_card_names_the_others_that_wait_to_write_the_same_state() -> None:
    def writing(key: str, *names: str) -> ReviewCard:
        card = a_card(a_task(key), 1, status=CardStatus.PENDING)
        changes = card.judgement.model_copy(update={"changes": dict.fromkeys(names, 1)})
        return card.model_copy(
            update={"id": f"{key}-card", "judgement": changes, "decided_at": None, "decided_by": None}
        )

    mine, rival, stranger = writing("a", "calendar", "list"), writing("b", "calendar"), writing("c", "other")
    rivals = mine.rivals([mine, rival, stranger])
    assert rivals == [rival]
    shown = list(card_page(mine, NOW, None, rivals).lines())
    [line] = [line for line in shown if "b-card" in line]
    assert line.startswith("Also waiting to write state calendar: b-card. ")


def test_card_documents_have_the_promised_fields() -> None:
    promised = {"id", "task_id", "goal_id", "status", "reasons", "confidence", "created_at"}
    [listed] = cards_document([a_held_card()])["cards"]
    assert listed.keys() >= promised
    assert (listed["confidence"], listed["reasons"]) == (0.6, ["sensitive word"])
    shown = card_document(a_held_card())
    assert shown.keys() >= promised | {"content", "findings"}
