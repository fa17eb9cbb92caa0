from dataclasses import replace

import pytest

from chimera_cli.simulation.history.checker import INVARIANTS, check_history
from chimera_cli.simulation.history.history import History
from tests.builders import NOON
from tests.unit.simulation.history.bad_histories import Bad, bad_histories
from tests.unit.simulation.history.good_history import SECRET, TIMING, good_history

BAD = list(bad_histories())


def test_a_good_history_breaks_nothing() -> None:
    assert check_history(good_history(), timing=TIMING) == []
    assert check_history(good_history(), ended=False, timing=TIMING) == []
    assert check_history(History()) == []


@pytest.mark.parametrize("bad", BAD, ids=[bad.what for bad in BAD])
def test_a_bad_history_breaks_exactly_its_invariant(bad: Bad) -> None:
    violations = check_history(bad.history, ended=bad.ended, timing=TIMING)
    found = [str(violation) for violation in violations]
    assert {violation.invariant for violation in violations} == {bad.invariant}, found
    assert any(bad.words in line for line in found), found
    assert not any(SECRET in line for line in found)


def test_every_invariant_has_a_bad_history() -> None:
    assert {bad.invariant for bad in BAD} == {invariant.number for invariant in INVARIANTS} == set(range(1, 11))


RELAXED = {
    "a second retry is early",
    "a task is tried too often",
    "an effect without a claim",
    "a post without a claim",
    "a post is another",
}


@pytest.mark.parametrize("bad", BAD, ids=[bad.what for bad in BAD])
def test_a_redis_that_lost_events_excuses_only_what_nobody_can_remember(bad: Bad) -> None:
    restarted = {"at": NOON, "shard": 0, "cause": "restarted", "dispatched": 0, "restored": 0, "decisions": 0}
    emptied = restarted | {"cause": "emptied"}
    for recovery, excused in ((restarted, set()), (restarted | {"restored": 3}, RELAXED), (emptied, RELAXED)):
        history = replace(bad.history, recoveries=(*bad.history.recoveries, recovery))
        found = check_history(history, ended=bad.ended, timing=TIMING)
        assert bool(found) == (bad.what not in excused), [str(violation) for violation in found]
