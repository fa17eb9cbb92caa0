"""A handler that holds the event loop, or the whole interpreter: the process lives, so its tasks stay its own; up to a limit."""

import json
import os

import pytest
from redis import Redis

from chimera_cli.adapters.keys import Keys
from tests.cli.conftest import NewLine
from tests.cli.driver import KINDS, Line
from tests.cli.test_poison import POISON, keep_a_worker_running

LEASE_S = 6


@pytest.mark.parametrize("kind", ["holding-loop", "holding-interpreter"])
def test_a_task_that_stalls_its_process_for_longer_than_a_lease_runs_once_and_is_told(
    new_line: NewLine, kind: str
) -> None:
    line = new_line(CHIMERA_LEASE_S=str(LEASE_S), CHIMERA_BEAT_S="0.5")
    crew = "worker", "--count", "1", "--handlers", str(KINDS), "--handlers", POISON
    workers = [line.start(*crew), line.start(*crew)]
    line.until(lambda: len(line.run("status", "--json").json["fleet"]) == len(workers), "both have beaten")
    held = {"key": "held", "kind": kind, "payload": {"gate": pipe(line)}}
    plan = line.write("held.json", json.dumps({"goal": "be slow", "tasks": [held]}))
    # Not to its end: the process that stalls may have the record's lock, for which this command waits.
    planning = line.start("plan", "--file", plan, "--handlers", POISON, "--json")
    line.until(lambda: stalled_s(line) > LEASE_S, "it has been stalled for longer than a lease")
    os.close(os.open(pipe(line), os.O_WRONLY))
    goal = planning.ended().json["goal_id"]
    line.over(goal)
    assert line.history(goal, "held").count("task.started") == 1
    line.until(lambda: line.run("status", "--json").json["stalled"] == [], "nothing is stalled any more")
    line.until(lambda: any('"over": true' in worker.said for worker in workers), "the end of the stall is told")
    [begun, _] = [said for worker in workers for said in worker.said.splitlines() if "agent.stalled" in said]
    # Of a call that held the interpreter no thread could see the line.
    assert ("poison.py:" if kind == "holding-loop" else "with the whole interpreter, in what came before") in begun
    assert all(worker.alive for worker in workers)


def test_a_task_that_holds_the_interpreter_for_ever_fails_and_its_process_is_ended(new_line: NewLine) -> None:
    line = new_line(CHIMERA_LEASE_S="1", CHIMERA_BEAT_S="0.3", CHIMERA_ABANDON_CAP="1")
    bad = {"key": "bad", "kind": "holding-interpreter", "payload": {"gate": pipe(line)}}
    goal = line.submit("be endless", [bad], "--handlers", POISON)
    [worker, *_] = keep_a_worker_running(line, goal, "--count", "2")
    assert line.tasks(goal) == {"bad": "FAILED"}
    line.until(lambda: not worker.alive, "the process is ended")
    [last] = [said for said in worker.said.splitlines() if "agent.failed" in said]
    assert "the event loop has stood still for" in last
    assert last.startswith("[MCP-LOG] ")


def pipe(line: Line) -> str:
    """Name a pipe: whoever opens it to read stands still until somebody opens it to write."""
    path = line.gate("pipe")
    if not os.path.exists(path):
        os.mkfifo(path)
    return path


def stalled_s(line: Line) -> float:
    """Tell for how long a process has stood still; from Redis, for a command may take longer than the patience that is left."""
    with Redis.from_url(line.environment["REDIS_URL"]) as client:
        spans = client.hvals(f"{Keys(line.environment['CHIMERA_NAMESPACE']).fleet}:stalled")
    return max(map(int, spans), default=0) / 1000
