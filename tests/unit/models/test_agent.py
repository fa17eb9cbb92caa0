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
