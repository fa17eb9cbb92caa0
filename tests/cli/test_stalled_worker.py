"""A worker process that stands still for longer than its lease, and then goes on as if nothing had happened."""

import signal

import pytest

from tests.cli.conftest import NewLine
from tests.cli.driver import KINDS, Line


@pytest.mark.chaos
def test_a_stalled_worker_is_robbed_once_and_its_late_answer_changes_nothing(new_line: NewLine) -> None:
    line = new_line(CHIMERA_LEASE_S="2", CHIMERA_BEAT_S="0.5")
    workers = {worker.pid: worker for worker in [line.start(*one_worker()) for _ in range(2)]}
    task = {"key": "one", "kind": "gate-a-run", "payload": {"gate": line.gate("run")}}
    goal = line.submit("run once", [task])
    line.until(lambda: len(runs(line)) == 1, "somebody is at work")
    stalled = workers.pop(runs(line)[0])
    stalled.signal(signal.SIGSTOP)
    try:
        line.open_gate("run-1")
        line.until(lambda: len(runs(line)) == 2, "the other one has taken the task over")
    finally:
        stalled.signal(signal.SIGCONT)
    line.until(lambda: "task.stale" in stalled.said, "the stalled one hears that it was robbed")
    line.open_gate("run-2")
    line.over(goal)
    assert line.history(goal, "one").count("task.taken_over") == 1
    assert line.history(goal, "one").count("task.completed") == 1
    assert line.rows("SELECT value, version FROM state WHERE goal_id = %s", goal) == [(2, 1)]
    assert runs_again(line, stalled.pid)
    assert line.violations() == []


def runs(line: Line) -> list[int]:
    """Name the process of each run."""
    return [int(process) for _, _, process, _ in line.marked("gate-a-run")]


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
