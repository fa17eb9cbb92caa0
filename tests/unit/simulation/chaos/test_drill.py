import pytest

from chimera_cli.exceptions import ConfigError
from chimera_cli.models.drill import FaultKind
from chimera_cli.simulation.chaos.drill import playable


def test_where_no_clock_can_be_moved_the_other_faults_remain() -> None:
    assert playable([FaultKind.CLOCK, FaultKind.REDIS], moves_clocks=False) == (FaultKind.REDIS,)
    assert playable([FaultKind.CLOCK], moves_clocks=True) == (FaultKind.CLOCK,)
    with pytest.raises(ConfigError, match="libfaketime"):
        playable([FaultKind.CLOCK], moves_clocks=False)
