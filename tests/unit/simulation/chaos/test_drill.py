import pytest

from chimera_cli.exceptions import ConfigError
from chimera_cli.models.drill import FaultKind, RoundReport, Tally
from chimera_cli.simulation.chaos.drill import playable, sum_of


def test_where_no_clock_can_be_moved_the_other_faults_remain() -> None:
    assert playable([FaultKind.CLOCK, FaultKind.REDIS], moves_clocks=False) == (FaultKind.REDIS,)
    assert playable([FaultKind.CLOCK], moves_clocks=True) == (FaultKind.CLOCK,)
    with pytest.raises(ConfigError, match="libfaketime"):
        playable([FaultKind.CLOCK], moves_clocks=False)


def test_the_accounts_of_all_rounds_are_added() -> None:
    def report(number: int, **tally: object) -> RoundReport:
        return RoundReport(
            round=number, seed=1, ok=True, took_s=1, schedule=(), goal_id="g", tally=Tally.model_validate(tally)
        )

    total = sum_of(
        [
            report(1, accepted=3, ended={"COMPLETED": 3}, struck={"redis": 1}),
            report(2, accepted=2, ended={"COMPLETED": 1, "FAILED": 1}, runs=4, repeated=1),
        ]
    )
    assert total == Tally(accepted=5, ended={"COMPLETED": 4, "FAILED": 1}, runs=4, repeated=1, struck={"redis": 1})
    assert total.delivered == 5
