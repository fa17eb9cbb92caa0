import pytest

from chimera_cli.adapters.keys import FAMILIES
from chimera_cli.models.drill import FaultKind, Moment
from chimera_cli.simulation.chaos.cast import COMMANDS, EVERYBODY, ROLES
from chimera_cli.simulation.chaos.schedule import ONCE, WINDOWS, schedule

ALL = tuple(FaultKind)
ROUNDS = range(1, 301)


def test_the_same_seed_and_round_give_the_same_schedule() -> None:
    assert [schedule(7, n, ALL) for n in ROUNDS] == [schedule(7, n, ALL) for n in ROUNDS]


def test_another_seed_or_round_gives_another_schedule() -> None:
    assert [schedule(7, n, ALL) for n in ROUNDS] != [schedule(8, n, ALL) for n in ROUNDS]
    assert len({schedule(7, n, ALL) for n in ROUNDS}) > 290


def test_the_order_in_which_faults_are_named_changes_nothing() -> None:
    assert schedule(7, 3, ALL) == schedule(7, 3, tuple(reversed(ALL)))


@pytest.mark.parametrize("fault", ALL)
def test_only_what_was_chosen_strikes(fault: FaultKind) -> None:
    assert {strike.fault for n in ROUNDS for strike in schedule(7, n, [fault])} == {fault}


def test_rounds_take_turns_so_that_each_kind_of_fault_has_its_share() -> None:
    for number, fault in enumerate(ALL, 1):
        assert fault in {strike.fault for strike in schedule(7, number, ALL)}


@pytest.mark.parametrize("fault", sorted(ONCE))
def test_what_shows_nothing_more_the_second_time_strikes_once_a_round_at_most(fault: FaultKind) -> None:
    assert all(sum(strike.fault == fault for strike in schedule(7, n, ALL)) <= 1 for n in ROUNDS)


def test_families_of_keys_are_drawn_from_the_whole_map() -> None:
    strikes = [strike for n in ROUNDS for strike in schedule(7, n, [FaultKind.KEY_FAMILY])]
    assert {strike.target for strike in strikes} == set(FAMILIES)


def test_strikes_come_in_order_and_within_the_time_in_which_work_goes_on() -> None:
    strikes = [strike for n in ROUNDS for strike in schedule(7, n, ALL)]
    for n in ROUNDS:
        times = [(strike.after is Moment.ACCEPTANCE, strike.at_s) for strike in schedule(7, n, ALL)]
        assert times == sorted(times)
    for strike in strikes:
        earliest, latest = WINDOWS[strike.after]
        assert earliest <= strike.at_s <= latest
    assert {strike.after for strike in strikes} == set(Moment)


def test_every_action_is_drawn_and_hits_somebody_who_exists() -> None:
    strikes = [strike for n in ROUNDS for strike in schedule(7, n, ALL)]
    assert {f"{strike.fault} {strike.action}" for strike in strikes} == {
        *("worker kill", "worker stall", "worker restart"),
        *("redis kill", "redis stall", "postgres kill", "postgres stop", "postgres stall"),
        *("network cut", "network tear", "network slow", "network half-open", "network refuse"),
        *("clock shift", "flush flush", "flush restore", "flush tail"),
        *("model throttle", "model malformed", "model error", "model slow", "model down"),
        *("key-family lose", "oom refuse", "misconf refuse", "readonly refuse"),
        *("stalled-loop hold", "self-drain signal", "self-drain command", "two-primaries split"),
        "redis-clock step",
        *("pooler kill", "pooler stop", "pooler stall", "reshard move"),
        *("foreign-store redis", "foreign-store empty", "foreign-store record"),
    }
    for strike in (strike for strike in strikes if strike.fault is not FaultKind.KEY_FAMILY):
        who, _, server = strike.target.partition(" ")
        assert not who or set(who.split(",")) <= {*ROLES, COMMANDS, EVERYBODY}
        assert server in {"", "redis", "postgres", "model"}
