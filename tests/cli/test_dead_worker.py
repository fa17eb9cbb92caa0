"""A worker process is killed in the middle of its work."""

import signal
import subprocess
import sys

import pytest

from tests.cli.conftest import NewLine
from tests.cli.driver import KINDS, Line

TASKS = 200
COUNTERS = 20
ONE = ("worker", "--count", "1", "--handlers", str(KINDS))
CLAIM_AND_DIE = """
import asyncio, os
from chimera_cli import connect
from chimera_cli.models.delivery import Stage

async def main():
    async with connect() as swarm:
        claimed = await swarm.queue.pop_tasks(Stage.WORK, [f"doomed-{n}" for n in range(20)])
        os._exit(77 if len(claimed) == 20 else 1)

asyncio.run(main())
"""


@pytest.mark.chaos
def test_a_killed_workers_tasks_are_taken_over_and_all_two_hundred_effects_are_committed_once(
    new_line: NewLine,
) -> None:
    line = new_line(CHIMERA_LEASE_S="2", CHIMERA_BEAT_S="0.5")
    counters = [f"counter-{n % COUNTERS}" for n in range(TASKS)]
    tasks = [
        {"key": f"t-{n}", "kind": "tally", "payload": {"counter": counter, "i": n, "s": 0.05, "gate": line.gate("all")}}
        for n, counter in enumerate(counters)
    ]
    common = ("worker", "--count", "8", "--handlers", str(KINDS))
    victim, other = line.start(*common), line.start(*common)
    goal = line.submit("count to two hundred", tasks)
    line.until(lambda: min(runs_of(line, worker.pid) for worker in (victim, other)) == 8, "both are at work")
    line.open_gate("all")
    line.until(lambda: runs_of(line, victim.pid) >= 24, "the victim is in the middle of its work")
    victim.signal(signal.SIGKILL)
    assert victim.ended().code == -signal.SIGKILL
    line.over(goal)
    other.signal(signal.SIGTERM)
    assert other.ended().code == 0
    completed = line.rows(
        "SELECT count(*), count(DISTINCT task_id) FROM events WHERE goal_id = %s AND name = 'task.completed'", goal
    )
    assert completed == [(TASKS, TASKS)]
    counts = line.rows("SELECT value, version FROM state WHERE goal_id = %s AND key LIKE 'counter-%%'", goal)
    assert counts == [(TASKS // COUNTERS, TASKS // COUNTERS)] * COUNTERS
    taken_over = line.rows(
        "SELECT count(*) FROM events WHERE goal_id = %s AND name = 'task.taken_over' AND error LIKE '%%expired'", goal
    )
    assert taken_over[0][0] >= 1
    line.until(lambda: not line.violations(), f"the history is clean: {line.violations()}")
    ledger = line.run("status", "--json").json["ledger"]
    assert {name: ledger[name] for name in ("submitted", "finished", "failed", "cancelled", "live")} == {
        "submitted": TASKS,
        "finished": TASKS,
        "failed": 0,
        "cancelled": 0,
        "live": 0,
    }


@pytest.mark.chaos
def test_the_only_task_of_an_idle_swarm_is_taken_over_when_its_holder_is_killed(new_line: NewLine) -> None:
    line = new_line(CHIMERA_LEASE_S="2", CHIMERA_BEAT_S="0.5")
    workers = {worker.pid: worker for worker in [line.start(*ONE) for _ in range(2)]}
    goal = line.submit("one and no other", [{"key": "one", "kind": "gated", "payload": {"gate": line.gate("one")}}])
    line.until(lambda: len(line.marked("gated")) == 1, "somebody is at work")
    holder = workers.pop(int(line.marked("gated")[0][2]))
    holder.signal(signal.SIGKILL)
    line.until(lambda: len(line.marked("gated")) == 2, "the other one, which had nothing to do, runs it")
    line.open_gate("one")
    line.over(goal)
    assert line.history(goal, "one").count("task.taken_over") == 1
    line.until(lambda: not line.violations(), f"the history is clean: {line.violations()}")


@pytest.mark.chaos
def test_a_task_whose_claimer_dies_before_it_starts_runs_once_in_another_process(new_line: NewLine) -> None:
    line = new_line(CHIMERA_LEASE_S="2", CHIMERA_BEAT_S="0.5")
    goal = line.submit("claimed and dropped", [{"key": f"t-{n}", "kind": "mark"} for n in range(20)])
    claimer = subprocess.run([sys.executable, "-c", CLAIM_AND_DIE], env=line.environment, timeout=60)
    assert claimer.returncode == 77
    line.start(*ONE)
    line.over(goal)
    runs = [task for _, task, _, _ in line.marked("mark")]
    assert len(runs) == len(set(runs)) == 20
    taken_over = line.rows("SELECT count(*) FROM events WHERE goal_id = %s AND name = 'task.taken_over'", goal)
    assert taken_over == [(20,)]
    line.until(lambda: not line.violations(), f"the history is clean: {line.violations()}")


def runs_of(line: Line, pid: int) -> int:
    return sum(process == str(pid) for _, _, process, _ in line.marked("tally"))
