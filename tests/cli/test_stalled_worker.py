"""A worker process that stands still for longer than its lease, and then goes on as if nothing had happened."""

import signal

import pytest

from tests.cli.conftest import NewLine
from tests.cli.driver import KINDS, Line


@pytest.mark.chaos
def test_a_stalled_worker_is_robbed_once_and_its_late_answer_changes_nothing(new_line: NewLine) -> None:
    line = new_line(CHIMERA_LEASE_S="2", CHIMERA_BEAT_S="0.5")
    workers = {worker.pid: worker for worker in [line.start(*one_worker()) for _ in range(2)]}
    payload = {"counter": "counter", "i": 1, "s": 0, "gate": line.gate("all")}
    goal = line.submit("count to one", [{"key": "one", "kind": "tally", "payload": payload}])
    line.until(lambda: len(line.marked("tally")) == 1, "somebody is at work")
    stalled = workers.pop(int(line.marked("tally")[0][2]))
    stalled.signal(signal.SIGSTOP)
    try:
        line.until(lambda: len(line.marked("tally")) == 2, "the other one has taken the task over")
        line.open_gate("all")
        line.over(goal)
    finally:
        stalled.signal(signal.SIGCONT)
    line.until(lambda: "task.stale" in stalled.said, "the stalled one hears that it was robbed")
    assert line.history(goal, "one").count("task.taken_over") == 1
    assert line.history(goal, "one").count("task.completed") == 1
    assert line.rows("SELECT value, version FROM state WHERE goal_id = %s", goal) == [(1, 1)]
    assert runs_again(line, stalled.pid)
    assert line.violations() == []


def one_worker() -> tuple[str, ...]:
    return "worker", "--count", "1", "--handlers", str(KINDS)


def runs_again(line: Line, pid: int) -> bool:
    """Tell whether a process takes work: with two tasks at a gate and two agents, each must have one."""
    gated = [{"key": f"again-{n}", "kind": "gated", "payload": {"gate": line.gate("again")}} for n in range(2)]
    goal = line.submit("both again", gated)
    line.until(lambda: len(line.marked("gated")) == 2, "both are at work again")
    line.open_gate("again")
    line.over(goal)
    return str(pid) in {process for _, _, process, _ in line.marked("gated")}
