"""Redis answers and takes no writes, for some leases, while work runs: nothing of it is the work's fault."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from chimera_cli.local.redis_server import RedisServer
from tests.acl import limited_url
from tests.cli.driver import KINDS, Line, Running
from tests.refusals import REFUSALS, admin

LEASE_S = 2.0
TASKS = 12


@pytest.fixture
def line(redis: RedisServer, fresh_database: str, model_url: str, tmp_path: Path) -> Iterator[Line]:
    """A swarm with short leases on a Redis of its own."""
    model = {"OPENAI_API_KEY": "stand-in", "OPENAI_BASE_URL": model_url}
    lease = {"CHIMERA_LEASE_S": str(LEASE_S), "CHIMERA_BEAT_S": "0.5", "CHIMERA_RETRY__BASE_S": "0.1"}
    stores = {"DATABASE_URL": fresh_database, "REDIS_URL": redis.url, "CHIMERA_NAMESPACE": "refused"}
    made = Line(tmp_path, **stores, **model, **lease)
    yield made
    made.close()


@pytest.mark.chaos
def test_work_outlives_every_refusal_of_writes_without_an_attempt_or_a_loss(line: Line, redis: RedisServer) -> None:
    limited = limited_url([redis.url])  # No more than deploy/redis.acl says.
    worker = "worker", "--count", "4", "--handlers", str(KINDS)
    workers = [line.start(*worker, REDIS_URL=limited) for _ in range(2)]
    for number, word in enumerate(REFUSALS, 1):
        goal = line.submit(f"through {word}", gated(line, word))
        line.until(lambda goal=goal: running(line, goal) == 8, "eight are running, four wait")
        with REFUSALS[word](redis):
            line.until(lambda number=number: told(workers, "backend.lost") == [number, number], "both say so once")
            line.until(lambda: lapsed(redis), "every lease lapsed two leases ago")
            line.open_gate(word)
            assert running(line, goal) == 8
        line.over(goal)
        line.until(lambda number=number: told(workers, "backend.back") == [number, number], "both are back")
        assert told(workers, "backend.lost") == [number, number]
        # Each task was begun once and ran once, and none was taken from its agent.
        assert line.rows("SELECT max(attempts), count(*) FROM tasks WHERE goal_id = %s", goal) == [(1, TASKS)]
        assert events(line, goal) == {"task.queued": TASKS, "task.started": TASKS, "task.completed": TASKS}
        assert len(line.marked("gated")) == number * TASKS
    for process in workers:
        process.signal(signal.SIGTERM)
        assert process.ended().code == 0
        assert "Traceback" not in process.said
    assert line.violations() == []


def gated(line: Line, gate: str) -> list[dict]:
    return [{"key": f"{gate.lower()}-{n}", "kind": "gated", "payload": {"gate": line.gate(gate)}} for n in range(TASKS)]


def running(line: Line, goal: str) -> int:
    return line.rows("SELECT count(*) FROM tasks WHERE goal_id = %s AND status = 'RUNNING'", goal)[0][0]


def events(line: Line, goal: str) -> dict[str, int]:
    query = "SELECT name, count(*) FROM events WHERE task_id IN (SELECT id FROM tasks WHERE goal_id = %s) GROUP BY name"
    return dict(line.rows(query, goal))


def told(workers: list[Running], name: str) -> list[int]:
    """Count how often each worker said that of Redis."""
    return [
        sum(f'"event": "{name}"' in said and '"Redis"' in said for said in worker.said.splitlines())
        for worker in workers
    ]


def lapsed(redis: RedisServer) -> bool:
    """Whether all leases ended so long ago that, but for the refusal, their tasks would have been taken back."""
    with admin(redis) as client:
        (name,) = client.scan_iter(match="*work:lease", count=1000)
        ends = [score for _, score in client.zrange(name, 0, -1, withscores=True)]
        seconds, _ = client.time()
        return all(end < (seconds - 2 * LEASE_S) * 1000 for end in ends)
