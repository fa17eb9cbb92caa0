"""Redis is emptied under load, then killed under load: workers, judges and people's decisions carry on by themselves."""

import json
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import Redis

from chimera_cli.local.redis_server import RedisServer
from chimera_cli.local.stand_in import MODEL_NAME
from tests.cli.conftest import kill
from tests.cli.driver import KINDS, Line


@pytest.mark.chaos
def test_a_fleet_lives_through_the_loss_of_all_that_redis_held_and_through_its_death(
    redis: RedisServer, fresh_database: str, model_url: str, tmp_path: Path
) -> None:
    settings = {
        "DATABASE_URL": fresh_database,
        "REDIS_URL": redis.url,
        "OPENAI_API_KEY": "stand-in",
        "CHIMERA_MODEL__NAME": MODEL_NAME,
        "OPENAI_BASE_URL": model_url,
        "CHIMERA_NAMESPACE": "lost",
        "CHIMERA_RETRY__BASE_S": "0.1",
        "CHIMERA_LEASE_S": "4",
        "CHIMERA_BEAT_S": "1",
    }
    line = Line(tmp_path, **settings)
    with ExitStack() as ends:
        ends.callback(line.close)
        workers = [line.start("worker", "--count", "4", "--handlers", str(KINDS)) for _ in range(2)]
        line.start("judge", "--count", "2")
        goal = line.submit("through the loss of everything", work(line))
        line.until(lambda: running(line) == 8 and cards(line, 4), "all are busy, and posts are held")
        empty(redis)
        line.until(lambda: '"cause": "emptied"' in line.said(), "it is noticed")
        line.open_gate("early")
        line.until(lambda: len(line.marked("gated")) >= 16, "work goes on")
        kill(redis)
        redis.start()
        line.open_gate("late")
        assert line.run("review", "approve", *cards(line, 4)).code == 0
        line.over(goal)

        assert line.rows("SELECT count(*), count(DISTINCT idempotency_key) FROM posts") == [(4, 4)]
        ended = line.rows("SELECT count(*), count(DISTINCT task_id) FROM events WHERE name = 'task.completed'")
        assert ended == [(len(work(line)), len(work(line)))]
        assert line.rows("SELECT value::text, version FROM state WHERE key = 'n'") == [("5", 5)]
        causes = [cause for (cause,) in line.rows("SELECT cause FROM recoveries ORDER BY seq")]
        assert causes[0] == "emptied"
        assert len(causes) == 2, "the first start is none"
        assert line.run("status", "--json").json["recovery"]["cause"] in {"restarted", "emptied", "behind"}
        shown = {check["name"]: check for check in json.loads(line.run("doctor", "--json").out)["checks"]}
        assert "were put back" in shown["redis recovery"]["detail"]
        assert shown["redis compared"]["ok"]
        assert not shown["redis compared"]["warn"]
        assert all(worker.alive for worker in workers)
        assert "Traceback" not in line.said()
        assert line.violations() == []


def work(line: Line) -> list[dict]:
    """Plain tasks, a chain, posts that a person must see, and tasks that count in a shared state."""
    plain = [{"key": f"m-{n}", "kind": "mark"} for n in range(20)]
    gate = {"gate": line.gate("early")}
    gated = [{"key": f"g-{n}", "kind": "gated", "payload": gate} for n in range(20)]
    chain = [{"key": f"c-{n}", "kind": "mark", "depends_on": [f"c-{n - 1}" if n else "g-19"]} for n in range(4)]
    posts = [{"key": f"p-{n}", "kind": "posted", "priority": "high"} for n in range(4)]
    payload = {"gate": line.gate("late"), "counter": "n", "s": 0.01}
    tallies = [{"key": f"t-{n}", "kind": "tally", "payload": {**payload, "i": n}, "priority": "low"} for n in range(5)]
    return [*plain, *gated, *chain, *posts, *tallies]


def running(line: Line) -> int:
    """Count the tasks in hand: gated ones, and tallies of low priority, which have their turns."""
    return int(line.rows("SELECT count(*) FROM tasks WHERE status = 'RUNNING'")[0][0])


def cards(line: Line, count: int) -> list[str]:
    """Name the cards that wait, once there are so many."""
    found = [id for (id,) in line.rows("SELECT id FROM cards WHERE status = 'PENDING'")]
    return found if len(found) == count else []


def empty(redis: RedisServer) -> None:
    with Redis.from_url(redis.url) as client:
        client.flushall()
