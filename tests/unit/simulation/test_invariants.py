from dataclasses import replace
from datetime import timedelta

from chimera_cli.simulation.evidence import Evidence
from chimera_cli.simulation.history.history import History
from chimera_cli.simulation.invariants import INVARIANTS
from tests.unit.simulation.good_run import good_run
from tests.unit.simulation.history.bad_histories import bad_histories
from tests.unit.simulation.history.good_history import moment, spoiled


def broken(evidence: Evidence) -> dict[str, str]:
    checks = [check(evidence) for check in INVARIANTS]
    return {check.name: check.detail for check in checks if not check.ok}


def test_a_good_run_keeps_every_invariant_and_tells_what_was_seen() -> None:
    checks = [check(good_run()) for check in INVARIANTS]
    assert [check.name for check in checks if not check.ok] == []
    assert len(checks) == 10
    assert all(check.detail for check in checks)


def test_what_the_history_checker_finds_is_told() -> None:
    leaks = [bad for bad in bad_histories() if bad.invariant == 10]
    for bad in leaks:
        assert bad.words in broken(replace(good_run(), history=bad.history))["no secret leaks"]


def test_a_takeover_may_be_as_late_as_the_machine_let_processes_wait() -> None:
    late = replace(good_run(), history=spoiled("hostage", "taken_over", at=moment(6.1)))
    assert broken(replace(late, stall=timedelta(seconds=0.2))) == {}
    assert "waited 4.1 s" in broken(replace(late, stall=timedelta(seconds=0.05)))["abandoned work runs again"]


def test_a_search_that_looked_nowhere_proves_nothing() -> None:
    good = good_run()
    for history in (replace(good.history, sinks=()), replace(good.history, secrets=()), History()):
        assert broken(replace(good, history=history)) == {"no secret leaks": "nothing was searched"}
