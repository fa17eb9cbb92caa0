"""The policy after the verdict: what was found, which way a result goes, and why."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from pydantic import Field, JsonValue, model_validator

from chimera_cli.models.identity import content_digest
from chimera_cli.models.noun import Noun
from chimera_cli.models.sensitive import SensitiveLists
from chimera_cli.models.verdict import Verdict


class Route(StrEnum):
    """Where a judged result goes."""

    APPROVE = "approve"
    """It takes effect."""
    REVIEW = "review"
    """A person decides."""
    REJECT = "reject"
    """It goes back to the worker with the judge's reasons."""


class Finding(Noun):
    """Something in the arguments or the result that a person should see."""

    rule: str
    """What found it, such as `security.password` or `check.length`."""
    where: Literal["payload", "output"]
    """In which text it stands."""
    span: tuple[int, int] | None = None
    """Start and end, in characters of that text as `models.text.text_of` writes it; None when it concerns the whole."""
    excerpt: str = ""
    """The words found, masked where they may be secret."""
    message: str = ""
    """What is wrong, in a sentence."""


class GatePolicy(Noun):
    """Bands and lists, versioned together."""

    version: str = "1"
    """Recorded with every decision; part of the approved digest."""
    approve_above: float = Field(default=0.90, ge=0.0, le=1.0)
    """Confidence strictly above this is approved without a person."""
    review_from: float = Field(default=0.70, ge=0.0, le=1.0)
    """Confidence from this up to `approve_above`, both included, goes to a person."""
    low_confidence: Route = Route.REVIEW
    """What happens below `review_from`: review or reject."""
    max_revisions: int = Field(default=2, ge=0)
    """How often a rejected result is made again before a person sees it."""
    lists: SensitiveLists = SensitiveLists()
    """The words that send a result to a person whatever its confidence."""

    @model_validator(mode="after")
    def _bands_in_order(self) -> "GatePolicy":
        if self.review_from > self.approve_above:
            raise ValueError("review_from must not be above approve_above")
        if self.low_confidence is Route.APPROVE:
            raise ValueError("low_confidence must be review or reject")
        return self


class GateDecision(Noun):
    """Which way a result goes, and why."""

    route: Route
    """The way."""
    reasons: tuple[str, ...]
    """Why, a sentence each; never empty."""
    findings: tuple[Finding, ...] = ()
    """What the screens found."""
    policy_version: str
    """The policy that decided."""


class Judgement(Noun):
    """A verdict with the decision that followed: what is stored and shown on a review card."""

    verdict: Verdict
    """What the judge said."""
    decision: GateDecision
    """What the gate made of it."""
    changes: Mapping[str, JsonValue] = Field(default_factory=dict)
    """What the result writes to the goal's state when it is approved, by key."""
    digest: str
    """Digest of task, arguments, result, its changes, policy and rubric: what an approval is bound to."""

    def covers(self, task_id: str, payload: JsonValue, output: JsonValue) -> bool:
        """Tell whether exactly this was judged."""
        versions = self.decision.policy_version, self.verdict.rubric_version
        return self.digest == content_digest(task_id, payload, output, *versions, changes=self.changes)
