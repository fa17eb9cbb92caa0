"""Figures of several rounds: medians, spread, percentiles, and ratios to the floor of the same round."""

import statistics
from collections.abc import Sequence

Rounds = Sequence[float | None]
"""One figure, round by round; None where a round had nothing to tell."""


def median(rounds: Rounds) -> float | None:
    """Return the median of what there is."""
    found = [value for value in rounds if value is not None]
    return statistics.median(found) if found else None


def spread(rounds: Rounds) -> tuple[float, float] | None:
    """Return the least and the most of what there is."""
    found = [value for value in rounds if value is not None]
    return (min(found), max(found)) if found else None


def ratio(rounds: Rounds, floor: Rounds) -> float | None:
    """Return the median ratio to the floor, each of the same round: what slowed a machine down slowed both down."""
    pairs = zip(rounds, floor, strict=False)
    return median([mine / its for mine, its in pairs if mine is not None and its])


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of the sorted values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * round(share * 1000) // 1000) - 1)]
