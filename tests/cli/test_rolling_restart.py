"""Worker processes are replaced one after the other in the middle of the work, as a deployment does."""

import signal

import pytest

from tests.cli.conftest import NewLine
from tests.cli.driver import KINDS

pytestmark = pytest.mark.long

TASKS = 160
STEP = 30
"""Runs between two restarts."""


@pytest.mark.chaos
def test_a_rolling_restart_costs_no_attempt_and_takes_nothing_over(new_line: NewLine) -> None:
    line = new_line()
    worker = ("worker", "--count", "3", "--handlers", str(KINDS))
    fleet = [line.start(*worker) for _ in range(2)]
    goal = line.submit(
        "through a deployment", [{"key": f"t-{n}", "kind": "mark", "payload": {"s": 0.1}} for n in range(TASKS)]
    )
    for done in range(STEP, TASKS - STEP, STEP):
        line.until(lambda done=done: len(line.marked("mark")) >= done, f"{done} have run")
        oldest = fleet.pop(0)
        oldest.signal(signal.SIGTERM)
        fleet.append(line.start(*worker))
        line.until(lambda: "agent.started" in fleet[-1].said, "its successor is up")
        assert oldest.ended().code == 0
    line.over(goal)
    runs = [task for _, task, _, _ in line.marked("mark")]
    assert len(runs) == len(set(runs)) == TASKS
    assert line.rows("SELECT DISTINCT attempts FROM tasks WHERE goal_id = %s", goal) == [(1,)]
    lost = line.rows("SELECT name FROM events WHERE name IN ('task.taken_over', 'task.delayed', 'task.failed')")
    assert lost == []
    line.until(lambda: not line.violations(), f"the history is clean: {line.violations()}")
