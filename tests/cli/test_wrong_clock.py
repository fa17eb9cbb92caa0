"""Workers whose clocks are five minutes off, one fast and one slow."""

import signal
from pathlib import Path

import pytest

from chimera_cli.simulation.chaos.clock import MovableClock, clock_library
from tests.cli.conftest import NewLine
from tests.cli.driver import KINDS

OFF_S = 300


@pytest.mark.chaos
@pytest.mark.skipif(clock_library() is None, reason="no libfaketime for this machine")
def test_clocks_five_minutes_off_change_no_lease_no_retry_and_no_event(new_line: NewLine, tmp_path: Path) -> None:
    line = new_line(CHIMERA_LEASE_S="4", CHIMERA_BEAT_S="1", CHIMERA_RETRY__BASE_S="1")
    workers = []
    for off in (OFF_S, -OFF_S):
        clock = MovableClock(tmp_path / f"clock{off}")
        clock.move(off)
        workers.append(line.start("worker", "--count", "4", "--handlers", str(KINDS), **clock.environment()))
    gated = [{"key": f"gated-{n}", "kind": "gated", "payload": {"gate": line.gate("all")}} for n in range(8)]
    retried = [{"key": f"retried-{n}", "kind": "once-more"} for n in range(8)]
    goal = line.submit("by wrong clocks", [*gated, *retried, *({"key": f"c-{n}", "kind": "clocked"} for n in range(8))])
    line.until(lambda: len(line.marked("gated")) == 8, "all agents of both have work")
    line.open_gate("all")
    line.over(goal)
    for worker in workers:
        worker.signal(signal.SIGTERM)
        assert worker.ended().code == 0
    told = line.rows("SELECT (output::text)::float - extract(epoch FROM updated_at) FROM tasks WHERE kind = 'clocked'")
    assert all(abs(abs(off) - OFF_S) < OFF_S / 2 for (off,) in told), "no clock was wrong"
    assert line.rows("SELECT * FROM events WHERE abs(extract(epoch FROM at - clock_timestamp())) > %s", OFF_S / 2) == []
    assert line.rows("SELECT * FROM events WHERE name IN ('task.taken_over', 'task.failed')") == []
    line.until(lambda: not line.violations(), f"the history is clean: {line.violations()}")
