import pytest

from chimera_cli.models.rubric import Criterion, Rubric, confidence

ANCHORS = tuple(f"worth {n}" for n in range(6))
RUBRIC = Rubric(
    version="1",
    criteria=(
        Criterion(id="a", weight=3, text="?", anchors=ANCHORS),
        Criterion(id="b", weight=1, text="?", anchors=ANCHORS),
    ),
)


@pytest.mark.parametrize(
    ("a", "b", "expected"), [(5, 5, 1.0), (0, 0, 0.0), (5, 0, 0.75), (0, 5, 0.25), (3, 3, 0.6), (4, 5, 0.85)]
)
def test_confidence_is_the_weighted_mean_of_the_scores(a: int, b: int, expected: float) -> None:
    assert confidence(RUBRIC, {"a": a, "b": b}) == pytest.approx(expected)


def test_an_unscored_criterion_leaves_no_confidence() -> None:
    with pytest.raises(KeyError):
        confidence(RUBRIC, {"a": 5})
