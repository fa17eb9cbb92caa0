"""A machine with fifteen processes at work on each core: everything is late, and nothing fails for it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import NewLine
from tests.cli.driver import KINDS

pytestmark = pytest.mark.long

BUSY_A_CORE = 15
WITHIN_S = 900.0
HEAVY = str(Path(__file__).with_name("heavy.py"))
"""A kind that computes in the event loop: for as long as that takes on such a machine, no lease is prolonged by it."""


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep so many processes computing."""
    started = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_no_task_fails_on_a_machine_with_fifteen_processes_a_core(new_line: NewLine) -> None:
    line = new_line()
    light = [{"key": f"light-{n}", "kind": "mark", "payload": {"s": 0.1}} for n in range(60)]
    heavy = [{"key": f"heavy-{n}", "kind": "heavy", "payload": {"s": 0.5}} for n in range(6)]
    goal = line.submit("be late", [*light[:30], *heavy, *light[30:]], "--handlers", HEAVY)
    with busy(BUSY_A_CORE * (os.cpu_count() or 1)):
        for _ in range(2):
            line.start("worker", "--count", "10", "--handlers", str(KINDS), "--handlers", HEAVY)
        line.until(lambda: line.goal(goal) != "ACTIVE", "the goal is over", within_s=WITHIN_S)
    ended = list(line.tasks(goal).values())
    assert {status: ended.count(status) for status in set(ended)} == {"COMPLETED": 66}
    lost = "SELECT count(*) FROM events e JOIN tasks t ON t.id = e.task_id WHERE t.goal_id = %s AND e.name = 'task.taken_over'"
    assert line.rows(lost, goal) == [(0,)]
