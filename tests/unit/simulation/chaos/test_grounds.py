import pytest

from chimera_cli.models.drill import FaultKind
from chimera_cli.simulation.chaos.grounds import PLAYED_ON, Ground, by_ground, ground_of
from chimera_cli.simulation.chaos.schedule import schedule

ALL = tuple(FaultKind)
ROUNDS = range(1, 301)


@pytest.mark.parametrize("fault", ALL)
def test_every_kind_of_fault_has_a_ground(fault: FaultKind) -> None:
    assert fault in PLAYED_ON[ground_of(fault)]


def test_each_round_is_played_once_on_the_ground_of_what_it_is_about() -> None:
    played = list(by_ground(ROUNDS, ALL))
    assert [ground for ground, _ in played] == list(Ground)
    assert sorted(number for _, numbers in played for number in numbers) == list(ROUNDS)
    for ground, numbers in played:
        strikes = [strike for number in numbers for strike in schedule(7, number, ALL)]
        assert {strike.fault for strike in strikes} <= PLAYED_ON[ground]


def test_rounds_on_one_ground_only_keep_their_order() -> None:
    assert list(by_ground(ROUNDS, [FaultKind.WORKER])) == [(Ground.PLAIN, list(ROUNDS))]
