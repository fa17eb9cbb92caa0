"""Handlers that end, stop or rob their own process: the task fails with the reason, its neighbours do not, no process is left."""

import signal
from pathlib import Path

import pytest

from tests.cli.conftest import NewLine
from tests.cli.driver import KINDS, Line, Running

ROUGH = str(Path(__file__).with_name("rough.py"))
"""Kinds that are rough with their process: in a file of their own, for no other test's workers may know them."""
GOOD = 4


@pytest.fixture(scope="module")
def rough_line(new_line: NewLine) -> Line:
    return new_line(CHIMERA_LEASE_S="1", CHIMERA_BEAT_S="0.3", CHIMERA_ABANDON_CAP="2")


def through(line: Line, kind: str) -> tuple[list[Running], str]:
    """Have workers do a task of this kind among good ones, one after the other as they end; return those workers, and why the task
    failed."""
    good = [{"key": f"good-{n}", "kind": "mark", "payload": {"s": 0.05}} for n in range(GOOD)]
    bad = {"key": "bad", "kind": kind, "max_retries": 1}
    goal = line.submit(f"survive {kind}", [*good[:2], bad, *good[2:]], "--handlers", ROUGH)
    started: list[Running] = []

    def over() -> bool:
        if not started or not started[-1].alive:
            handlers = "--handlers", str(KINDS), "--handlers", ROUGH
            started.append(line.start("worker", "--count", "3", "--drain-timeout", "1s", *handlers))
        return line.goal(goal) != "ACTIVE"

    line.until(over, f"the goal is over: {line.tasks(goal)}", within_s=120)
    ended = line.tasks(goal)
    assert ended.pop("bad") == "FAILED"
    assert set(ended.values()) == {"COMPLETED"}
    [(error,)] = line.rows("SELECT error FROM tasks WHERE goal_id = %s AND key = 'bad'", goal)
    return started, str(error)


def leave(worker: Running) -> None:
    """End the worker that is left; it drains as ever."""
    worker.end()
    assert worker.ended().code == 0


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("exits", "raised SystemExit: 3"),
        ("exits-in-thread", "raised SystemExit: 3"),
        ("interrupts", "raised KeyboardInterrupt"),
        ("generator-exit", "raised GeneratorExit"),
        ("terminates-itself", "may not send SIGTERM to its own process"),
        ("raises-signal", "may not send SIGTERM to its own process"),
        ("terminates-group", "may not send SIGTERM to its own process group"),
    ],
)
def test_what_would_end_its_process_costs_an_attempt_with_its_name_and_its_worker_lives_on(
    rough_line: Line, kind: str, reason: str
) -> None:
    workers, error = through(rough_line, kind)
    assert reason in error
    assert "failed 2 times" in error
    [worker] = workers
    leave(worker)


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("stops-loop", "ended (RuntimeError: Event loop stopped"),
        ("stops-loop-from-thread", "ended (RuntimeError: Event loop stopped"),
        ("cancels-all", "cancelled"),
        ("exits-in-task", "ended (SystemExit: 0)"),
    ],
)
def test_what_ends_the_event_loop_is_counted_as_poison_and_each_process_says_so(
    rough_line: Line, kind: str, how: str
) -> None:
    workers, error = through(rough_line, kind)
    assert "vanished 2 times" in error
    assert (
        "with nothing else in its process: the event loop of its process was stopped or cancelled from within" in error
    )
    *broken, last = workers
    assert len(broken) == 2
    for worker in broken:
        assert worker.ended().code == 1
        assert f"error: the event loop was {how}" in worker.said
        assert "Traceback" not in worker.said.rpartition("error: ")[2]
    leave(last)


def test_closed_descriptors_are_named_and_nobody_blames_a_server_for_them(rough_line: Line) -> None:
    workers, error = through(rough_line, "closes-descriptors")
    assert "vanished 2 times" in error
    *robbed, last = workers
    assert len(robbed) == 2
    for worker in robbed:
        assert worker.ended().code == 1
        assert "file descriptors of this process were closed under it" in worker.said
        assert "backend.lost" not in worker.said
    leave(last)


def test_a_task_that_drains_its_process_unseen_is_not_given_back_for_ever(rough_line: Line) -> None:
    workers, error = through(rough_line, "is-terminated")
    assert "its process was told to stop 10 times while it ran" in error
    leave(workers[-1])


@pytest.mark.parametrize(("kind", "then"), [("never-ends", "task.started"), ("leaves-thread", "task.finished")])
def test_what_takes_no_notice_of_the_end_does_not_keep_its_process(rough_line: Line, kind: str, then: str) -> None:
    goal = rough_line.submit("never end", [{"key": "bad", "kind": kind}], "--handlers", ROUGH)
    worker = rough_line.start("worker", "--count", "1", "--drain-timeout", "0s", "--handlers", ROUGH)
    rough_line.until(lambda: then in worker.said, "it has begun")
    worker.signal(signal.SIGTERM)
    assert worker.ended().code == 0
    rough_line.run("goals", "cancel", goal, "--yes")
