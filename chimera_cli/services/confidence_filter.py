"""ConfidenceFilter: the bands that turn a judge's confidence into a route."""

from chimera_cli.models.gate import GatePolicy, Route
from chimera_cli.models.verdict import Verdict

DIGITS = 6
"""Decimals that count. A weighted mean of 0.7 may come out as 0.6999999999999998, which nobody scored."""


class ConfidenceFilter:
    """Above the upper band a result passes, inside it a person decides, below it the policy does."""

    def __init__(self, policy: GatePolicy) -> None:
        self._policy = policy

    def route(self, verdict: Verdict) -> tuple[Route, str]:
        """Return the way that the confidence alone would give, with the reason in a sentence."""
        policy = self._policy
        if verdict.confidence is None:
            why = verdict.unscored_reason.rstrip(". ") or "the judge gave no confidence"
            return Route.REVIEW, f"The result is unscored: {why}."
        confidence = round(verdict.confidence, DIGITS)
        if confidence > policy.approve_above:
            return Route.APPROVE, f"Confidence {confidence:g} is above {policy.approve_above:g}."
        if confidence >= policy.review_from:
            band = f"{policy.review_from:g} to {policy.approve_above:g}"
            return Route.REVIEW, f"Confidence {confidence:g} is in the band that a person decides ({band})."
        return policy.low_confidence, f"Confidence {confidence:g} is below {policy.review_from:g}."
