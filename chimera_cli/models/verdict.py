"""What the judge says about a result."""

from pydantic import Field

from chimera_cli.models.noun import Noun
from chimera_cli.models.result import Usage


class CriterionScore(Noun):
    """The judge's answer to one criterion."""

    criterion: str
    """Id of the criterion."""
    quote: str = ""
    """Words of the result that the score rests on."""
    reason: str = ""
    """Why, in a sentence or two."""
    score: int | None = Field(default=None, ge=0, le=5)
    """0 to 5; None when the judge could not tell or its quote does not occur in the result."""


class Verdict(Noun):
    """A scored result. Confidence None means *unscored*, which is never read as 0 or 1."""

    confidence: float | None = Field(default=None, ge=0.0, le=1.0)
    """Weighted mean of the scores; None when any criterion is unscored."""
    scores: tuple[CriterionScore, ...] = ()
    """One a criterion; empty when no answer could be read."""
    vetoed: tuple[str, ...] = ()
    """Ids of veto criteria with a score of 1 or less."""
    unscored_reason: str = ""
    """Why there is no confidence; else empty."""
    rubric_version: str
    """The rubric it was scored by."""
    model: str = ""
    """The model that scored it; empty when none was asked."""
    usage: Usage = Usage()
    """What the judging consumed."""
