from datetime import timedelta

import pytest

from chimera_cli.models.agent import Liveness, liveness

PERIOD = timedelta(seconds=5)


@pytest.mark.parametrize(
    ("age_s", "reading"),
    [(0, Liveness.ALIVE), (9.9, Liveness.ALIVE), (10, Liveness.LATE), (19.9, Liveness.LATE), (20, Liveness.DEAD)],
)
def test_one_missed_beat_is_late_and_three_are_dead(age_s: float, reading: Liveness) -> None:
    assert liveness(timedelta(seconds=age_s), PERIOD) is reading


def test_who_beats_on_time_and_says_that_it_is_stuck_is_stuck_and_who_is_silent_is_late() -> None:
    minute = timedelta(minutes=1)
    assert liveness(timedelta(0), PERIOD, minute) is Liveness.STUCK
    assert liveness(2 * PERIOD, PERIOD, minute) is Liveness.LATE
