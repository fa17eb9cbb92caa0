"""Tasks that end or block their whole process: they are FAILED with their history, and nobody else is."""

from pathlib import Path

from tests.cli.conftest import NewLine
from tests.cli.driver import KINDS, Line, Running

GOOD = 60
DELIVERIES = 3
POISON = str(Path(__file__).with_name("poison.py"))
"""Kinds that end or block their process: in a file of their own, for no other test's workers may know them."""


def keep_a_worker_running(line: Line, goal: str, *options: str) -> list[Running]:
    """Start workers, one after the other, until the goal is over; returns them all."""
    started: list[Running] = []

    def over() -> bool:
        if not started or not started[-1].alive:
            started.append(line.start("worker", "--handlers", str(KINDS), "--handlers", POISON, *options))
        return line.goal(goal) != "ACTIVE"

    line.until(over, "the goal is over", within_s=90)
    return started


def test_a_task_that_ends_its_process_fails_after_three_deliveries_and_its_sixty_neighbours_are_completed(
    new_line: NewLine,
) -> None:
    line = new_line(CHIMERA_LEASE_S="1", CHIMERA_BEAT_S="0.3")
    good = [{"key": f"good-{n}", "kind": "mark", "payload": {"s": 0.05}} for n in range(GOOD)]
    poison = {"key": "poison", "kind": "exiting", "payload": {"s": 0.1}}
    goal = line.submit("survive a poison task", [*good[:5], poison, *good[5:]], "--handlers", POISON)
    keep_a_worker_running(line, goal, "--count", "20")
    ended = line.tasks(goal)
    assert ended.pop("poison") == "FAILED"
    assert set(ended.values()) == {"COMPLETED"}
    assert len(line.marked("exiting")) == DELIVERIES
    history = line.history(goal, "poison")
    assert history.count("task.started") == DELIVERIES
    assert history[-1] == "task.failed"
    [(error,)] = line.rows("SELECT error FROM tasks WHERE goal_id = %s AND key = 'poison'", goal)
    assert "vanished 3 times" in error
    assert "with nothing else in its process" in error


def test_a_task_that_blocks_its_event_loop_fails_and_its_processes_end_with_a_clear_last_line(
    new_line: NewLine,
) -> None:
    line = new_line(CHIMERA_LEASE_S="1", CHIMERA_BEAT_S="0.3", CHIMERA_ABANDON_CAP="2")
    good = [{"key": f"good-{n}", "kind": "mark", "payload": {"s": 0.05}} for n in range(6)]
    goal = line.submit("survive a blocker", [{"key": "bad", "kind": "blocking-loop"}, *good], "--handlers", POISON)
    workers = keep_a_worker_running(line, goal, "--count", "4")
    ended = line.tasks(goal)
    assert ended.pop("bad") == "FAILED"
    assert set(ended.values()) == {"COMPLETED"}
    for blocked in workers[:2]:
        assert blocked.ended().code == 1
        assert "the event loop has been blocked for 5 s at " in blocked.said.splitlines()[-1]
        assert "poison.py" in blocked.said.splitlines()[-1]


def test_endless_threads_are_failed_in_time_and_a_process_that_has_nothing_else_left_ends(new_line: NewLine) -> None:
    line = new_line()
    bad = [{"key": f"bad-{n}", "kind": "endless", "max_retries": 0} for n in range(2)]
    goal = line.submit("survive endless loops", bad, "--handlers", POISON)
    worker = line.start("worker", "--count", "2", "--handlers", POISON)
    ended = worker.ended()
    assert ended.code == 1
    assert "every agent waits for a thread that was left behind" in ended.err
    line.until(lambda: set(line.tasks(goal).values()) == {"FAILED"}, "both are failed")
