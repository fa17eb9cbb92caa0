"""How a worker's process comes to its end: by signals, by having nothing left, by a number of tasks."""

import signal

import pytest

from tests.cli.conftest import NewLine
from tests.cli.driver import KINDS, Line

WORKER = ("worker", "--count", "2", "--handlers", str(KINDS))


@pytest.fixture(scope="module")
def quiet(new_line: NewLine) -> Line:
    """A swarm in which nobody works yet."""
    return new_line()


def gated(line: Line, gate: str, count: int) -> list[dict]:
    return [{"key": f"{gate}-{n}", "kind": "gated", "payload": {"gate": line.gate(gate)}} for n in range(count)]


def test_the_first_signal_drains_and_other_kinds_were_left_alone(quiet: Line) -> None:
    goal = quiet.submit("drain", [*gated(quiet, "drain", 3), {"key": "other", "kind": "other"}])
    worker = quiet.start(*WORKER, "--kinds", "gated")
    quiet.until(lambda: len(quiet.marked("gated")) == 2, "two are running")
    worker.signal(signal.SIGTERM)
    quiet.until(lambda: "draining: 2 running" in worker.said, "the worker says that it drains")
    assert worker.alive
    quiet.open_gate("drain")
    assert worker.ended().code == 0
    statuses = quiet.tasks(goal)
    assert sorted(statuses[f"drain-{n}"] for n in range(3)) == ["COMPLETED", "COMPLETED", "QUEUED"]
    assert statuses["other"] == "QUEUED"
    assert quiet.marked("other") == []
    assert quiet.run(*WORKER, "--kinds", "gated", "--max-tasks", "1").code == 0
    assert sorted(quiet.tasks(goal).values()) == ["COMPLETED"] * 3 + ["QUEUED"]


def test_the_second_signal_forces_and_another_worker_takes_the_work_over(quiet: Line) -> None:
    goal = quiet.submit("force", gated(quiet, "force", 2))
    before = len(quiet.marked("gated"))
    one = ("worker", "--count", "1", "--handlers", str(KINDS))
    forced = {signal.SIGTERM: quiet.start(*one), signal.SIGINT: quiet.start(*one)}
    quiet.until(lambda: len(quiet.marked("gated")) == before + 2, "each has one")
    for number, worker in forced.items():
        worker.signal(number)
        quiet.until(lambda worker=worker: "draining: 1 running" in worker.said, "it drains")
        worker.signal(number)
    assert {number: worker.ended().code for number, worker in forced.items()} == {
        signal.SIGTERM: 143,
        signal.SIGINT: 130,
    }
    quiet.open_gate("force")
    assert quiet.run(*WORKER, "--burst").code == 0
    assert set(quiet.tasks(goal).values()) == {"COMPLETED"}
    assert [quiet.history(goal, key).count("task.given_back") for key in quiet.tasks(goal)] == [1, 1]
    assert quiet.rows("SELECT DISTINCT attempts FROM tasks WHERE goal_id = %s", goal) == [(1,)]


def test_two_processes_share_the_work_and_end_with_it(quiet: Line) -> None:
    tasks = [{"key": f"m-{n}", "kind": "mark", "payload": {"s": 0.1}} for n in range(60)]
    goal = quiet.submit("share", tasks)
    before = len(quiet.marked("mark"))
    ended = quiet.run(*WORKER, "--processes", "2", "--burst")
    assert ended.code == 0
    assert "Traceback" not in ended.err
    runs = quiet.marked("mark")[before:]
    assert len(runs) == len({task for _, task, _, _ in runs}) == 60
    assert len({process for _, _, process, _ in runs}) == 2
    assert quiet.goal(goal) == "COMPLETED"
