"""The gate as a table: confidence, words, faults, vetoes and policy in; one route and its reasons out."""

from typing import Any

import pytest

from chimera_cli.exceptions import ConfigError
from chimera_cli.models.delivery import Delivery
from chimera_cli.models.gate import GatePolicy, Route
from chimera_cli.models.verdict import CriterionScore, Verdict
from chimera_cli.services.policy_file import load_policy
from chimera_cli.services.safety import SafetyService
from tests.builders import a_delivery

POLICY = load_policy()
REJECTING = POLICY.model_copy(update={"low_confidence": Route.REJECT})
REVIEWING, STRICT = SafetyService(POLICY), SafetyService(REJECTING)
APPROVE, REVIEW, REJECT = Route.APPROVE, Route.REVIEW, Route.REJECT


def delivery(output: Any = "A calm morning by the sea.", **more: Any) -> Delivery:
    return a_delivery(**{"payload": {"topic": "the sea"}, "output": output, **more})


def verdict(confidence: float | None, **more: Any) -> Verdict:
    return Verdict(confidence=confidence, rubric_version="1", **more)


@pytest.mark.parametrize(
    ("confidence", "by_default", "when_rejecting"),
    [
        (1.0, APPROVE, APPROVE),
        (0.91, APPROVE, APPROVE),
        (0.900001, APPROVE, APPROVE),
        (0.9, REVIEW, REVIEW),
        (0.9000000000000001, REVIEW, REVIEW),
        (0.75, REVIEW, REVIEW),
        (0.7, REVIEW, REVIEW),
        (0.6999999999999998, REVIEW, REVIEW),
        (0.6999, REVIEW, REJECT),
        (0.6, REVIEW, REJECT),
        (0.0, REVIEW, REJECT),
        (None, REVIEW, REVIEW),
    ],
)
def test_confidence_is_routed_by_the_bands(confidence: float | None, by_default: Route, when_rejecting: Route):
    assert REVIEWING.decide(delivery(), verdict(confidence)).route is by_default
    assert STRICT.decide(delivery(), verdict(confidence)).route is when_rejecting


def test_what_is_just_below_the_band_is_called_low_and_not_rounded_into_it():
    assert "below 0.7" in REVIEWING.decide(delivery(), verdict(0.6999)).reasons[0]
    assert "below" not in REVIEWING.decide(delivery(), verdict(0.7)).reasons[0]


@pytest.mark.parametrize("service", [REVIEWING, STRICT])
@pytest.mark.parametrize("confidence", [1.0, 0.8, 0.2, None])
@pytest.mark.parametrize("output", ["never share a password", "vote for the senator", "call 536-22-8145"])
def test_a_sensitive_word_overrides_any_confidence(service: SafetyService, confidence: float | None, output: str):
    decision = service.decide(delivery(output), verdict(confidence))
    assert decision.route is REVIEW
    assert decision.findings
    assert decision.reasons[0] == decision.findings[0].message


def test_a_sensitive_word_in_the_arguments_counts_like_one_in_the_result():
    decision = REVIEWING.decide(delivery(payload={"topic": "the election"}), verdict(1.0))
    assert decision.route is REVIEW
    assert [finding.where for finding in decision.findings] == ["payload"]


@pytest.mark.parametrize("service", [REVIEWING, STRICT])
def test_a_veto_sends_a_result_to_a_person(service: SafetyService):
    decision = service.decide(delivery(), verdict(0.95, vetoed=("safety",)))
    assert decision.route is REVIEW
    assert "safety" in decision.reasons[0]


@pytest.mark.parametrize("confidence", [1.0, 0.2])
def test_a_kind_that_wants_a_person_always_gets_one(confidence: float):
    assert STRICT.decide(delivery(review_always=True), verdict(confidence)).route is REVIEW


@pytest.mark.parametrize(("revisions", "route"), [(0, REJECT), (1, REJECT), (2, REVIEW), (3, REVIEW)])
def test_a_result_is_made_again_twice_and_then_a_person_sees_it(revisions: int, route: Route):
    assert STRICT.decide(delivery(revisions=revisions), verdict(0.5)).route is route


@pytest.mark.parametrize("confidence", [1.0, 0.5, None])
def test_a_fault_found_without_a_model_is_treated_as_low_confidence(confidence: float | None):
    late = {"platform": "twitter", "text": "a" * 300}
    assert REVIEWING.decide(delivery(late), verdict(confidence)).route is REVIEW
    assert STRICT.decide(delivery(late), verdict(confidence)).route is REJECT
    assert STRICT.decide(delivery(late, revisions=2), verdict(confidence)).route is REVIEW


def test_a_rejection_tells_the_judges_reasons():
    scores = (
        CriterionScore(criterion="quality", score=2, reason="Vague."),
        CriterionScore(criterion="safety", score=5),
    )
    reasons = STRICT.decide(delivery(), verdict(0.5, scores=scores)).reasons
    assert "quality: Vague." in reasons
    assert not any(reason.startswith("safety") for reason in reasons)


def test_an_unscored_result_says_why():
    reasons = REVIEWING.decide(delivery(), verdict(None, unscored_reason="the judge refused.")).reasons
    assert reasons == ("The result is unscored: the judge refused.",)


def test_every_decision_names_its_policy_and_a_reason():
    for confidence in (1.0, 0.8, 0.1, None):
        decision = REVIEWING.decide(delivery(), verdict(confidence))
        assert decision.reasons
        assert decision.policy_version == POLICY.version


def test_the_same_question_gets_the_same_answer():
    assert STRICT.decide(delivery("delete all"), verdict(0.5)) == STRICT.decide(delivery("delete all"), verdict(0.5))


def test_a_policy_without_word_lists_is_refused():
    with pytest.raises(ConfigError, match="no word lists"):
        SafetyService(GatePolicy())
