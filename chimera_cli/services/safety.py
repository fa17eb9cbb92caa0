"""SafetyService: the gate after the judge. Findings and confidence in, one decision out; a sensitive word overrides any score."""

from collections.abc import Iterator

from chimera_cli.exceptions import ConfigError
from chimera_cli.models.delivery import Delivery
from chimera_cli.models.gate import Finding, GateDecision, GatePolicy, Route
from chimera_cli.models.text import is_short, text_of
from chimera_cli.models.verdict import Verdict
from chimera_cli.services.checks import check
from chimera_cli.services.confidence_filter import ConfidenceFilter
from chimera_cli.services.keyword_filter import KeywordFilter

QUICK = 2_000
"""Characters that are screened within some ms: less than it takes to hand them to a thread and fetch the answer."""


class SafetyService:
    """Decides where a judged result goes. Pure: the same delivery, verdict and policy give the same decision."""

    def __init__(self, policy: GatePolicy, keywords: KeywordFilter | None = None) -> None:
        """Args:
        policy: Bands and lists.
        keywords: The filter to use; None makes one of the policy's lists.

        Raises:
            ConfigError: The policy has no lists, so that every sensitive word would pass.
        """
        if not policy.lists.topics or not policy.lists.security:
            raise ConfigError(
                "the gate policy has no word lists", hint="start from the built-in policy.toml (services.policy_file)"
            )
        self.policy = policy
        self._confidence = ConfidenceFilter(policy)
        self._keywords = keywords or KeywordFilter(policy.lists)

    def check(self, delivery: Delivery) -> tuple[Finding, ...]:
        """Return what is wrong with the result beyond doubt; with any finding a judge may save the model call."""
        return check(delivery)

    def quick(self, delivery: Delivery) -> bool:
        """Whether a decision on it takes no longer than an event loop may stand still."""
        return is_short([delivery.payload, delivery.output], QUICK)

    def screen(self, delivery: Delivery) -> tuple[Finding, ...]:
        """Return what is sensitive in the arguments and in the result."""
        payload = self._keywords.findings(text_of(delivery.payload), "payload") if delivery.payload else ()
        return payload + self._keywords.findings(text_of(delivery.output), "output")

    def decide(self, delivery: Delivery, verdict: Verdict) -> GateDecision:
        """Return the route with all its reasons.

        A person is asked whenever anything asks for one; only then may the policy send a result back; only a result
        that nothing speaks against is approved.
        """
        sensitive, faults = self.screen(delivery), self.check(delivery)
        human = [*_sentences(sensitive), *_human_reasons(delivery, verdict)]
        route, reasons = (Route.REVIEW, human) if human else self._by_quality(delivery, verdict, faults)
        return GateDecision(
            route=route,
            reasons=tuple(dict.fromkeys(reasons)),
            findings=sensitive + faults,
            policy_version=self.policy.version,
        )

    def _by_quality(self, delivery: Delivery, verdict: Verdict, faults: tuple[Finding, ...]) -> tuple[Route, list[str]]:
        route, band = self._confidence.route(verdict)
        reasons = [band]
        if faults:
            # A fault is certain, so it counts as low confidence, also when no judge was asked.
            route = self.policy.low_confidence
            reasons = _sentences(faults) + ([] if verdict.confidence is None else reasons)
        if route is Route.REJECT:
            reasons += [f"{s.criterion}: {s.reason}" for s in verdict.scores if s.score is not None and s.score < 4]
            if delivery.revisions >= self.policy.max_revisions:
                return Route.REVIEW, [*reasons, f"It was already made again {_times(delivery.revisions)}."]
        return route, reasons


def _human_reasons(delivery: Delivery, verdict: Verdict) -> Iterator[str]:
    if verdict.vetoed:
        yield f"The judge vetoed it on {', '.join(verdict.vetoed)}."
    if delivery.review_always:
        yield f"Every result of kind {delivery.kind} goes to a person."


def _sentences(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.message for finding in findings]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
