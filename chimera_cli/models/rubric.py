"""How a result is scored: weighted criteria, 0 to 5 each, and the arithmetic that makes one confidence of them."""

from collections.abc import Mapping, Sequence

from pydantic import Field

from chimera_cli.models.noun import Noun

TOP_SCORE = 5
"""Best score of a criterion. A scale of 0 to 5 agreed best with people over six benchmarks (arXiv 2601.03444)."""
VETO_AT = 1
"""A veto criterion at this score or lower sends the result to a person whatever the sum."""


class Criterion(Noun):
    """One question that the judge answers about a result."""

    id: str
    """Short name, unique in the rubric."""
    weight: float = Field(gt=0)
    """Share in the confidence, relative to the other criteria."""
    text: str
    """The question."""
    anchors: Sequence[str] = Field(min_length=TOP_SCORE + 1, max_length=TOP_SCORE + 1)
    """One sentence a score, from 0 to 5."""
    veto: bool = False
    """Whether a score of 1 or less overrides the sum."""


class Rubric(Noun):
    """A versioned list of criteria."""

    version: str
    """Changes whenever any word of it does; recorded with every verdict."""
    criteria: Sequence[Criterion] = Field(min_length=1)
    """The questions, in the order they are asked."""


def confidence(rubric: Rubric, scores: Mapping[str, int]) -> float:
    """Return sum(weight * score) / (5 * sum(weight)), 0.0 to 1.0.

    Raises:
        KeyError: A criterion has no score; an unscored result has no confidence.
    """
    total = sum(criterion.weight for criterion in rubric.criteria)
    return sum(c.weight * scores[c.id] for c in rubric.criteria) / (TOP_SCORE * total)
