from dataclasses import replace
from datetime import timedelta

from chimera_cli.simulation.features import FEATURES
from chimera_cli.simulation.invariants import INVARIANTS
from chimera_cli.simulation.report import LEASE, STAND_IN, figures_of, run_checks
from tests.unit.simulation.good_run import good_run


def test_all_checks_run_also_after_one_that_fails() -> None:
    good = good_run()
    checks = run_checks(replace(good, history=replace(good.history, posts=()), exits={}))
    assert len(checks) == len(INVARIANTS) + len(FEATURES) == 21
    assert {check.name for check in checks if not check.ok} == {"one effect a phase", "roles ended in order"}


def test_no_two_checks_have_one_name() -> None:
    names = [check.name for check in run_checks(good_run())]
    assert len(set(names)) == len(names)


def test_the_figures_count_what_happened() -> None:
    figures = figures_of(good_run(), (), timedelta(seconds=12.34))
    assert figures["took_s"] == 12.3
    assert (figures["tasks"], figures["conflicts"], figures["retries"], figures["takeovers"]) == (6, 1, 1, 1)
    assert (figures["takeover_s"], figures["goal_s"]) == (3.0, 7.0)
    assert (figures["model_429"], figures["model_malformed"], figures["posts"]) == (1, 1, 1)


def test_the_notices_name_the_stand_in_and_what_was_shortened() -> None:
    assert "stand-in" in STAND_IN
    assert "3 s" in LEASE
