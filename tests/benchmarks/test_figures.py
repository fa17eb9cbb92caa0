import pytest

from benchmarks.figures import median, percentile, ratio, spread


def test_the_median_and_the_spread_leave_out_rounds_that_had_nothing_to_tell() -> None:
    assert median([3.0, None, 1.0, 2.0]) == 2
    assert spread([3.0, None, 1.0]) == (1, 3)
    assert median([None]) is None
    assert spread([]) is None


def test_a_ratio_is_taken_within_each_round() -> None:
    assert ratio([10.0, 5.0, 20.0], [20.0, 10.0, 40.0]) == 0.5
    assert ratio([10.0, None], [20.0, 10.0]) == 0.5
    assert ratio([], [20.0]) is None


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_a_percentile_is_a_value_that_was_measured(share: float, value: int) -> None:
    assert percentile([float(n) for n in range(100, 0, -1)], share) == value
