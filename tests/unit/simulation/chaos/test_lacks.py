import pytest

from chimera_cli.exceptions import ConfigError
from chimera_cli.models.drill import FaultKind
from chimera_cli.simulation.chaos.lacks import NO_CLOCK, NO_POOLER, playable

LACKING = {FaultKind.CLOCK: NO_CLOCK, FaultKind.POOLER: NO_POOLER}


def test_what_this_machine_lacks_is_left_out_and_the_other_faults_remain() -> None:
    assert playable([FaultKind.CLOCK, FaultKind.REDIS, FaultKind.POOLER], LACKING) == (FaultKind.REDIS,)
    assert playable([FaultKind.CLOCK], {}) == (FaultKind.CLOCK,)


@pytest.mark.parametrize(("kind", "what"), [(FaultKind.CLOCK, "libfaketime"), (FaultKind.POOLER, "pgbouncer")])
def test_a_drill_of_which_nothing_is_left_says_what_is_missing(kind: FaultKind, what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        playable([kind], LACKING)
