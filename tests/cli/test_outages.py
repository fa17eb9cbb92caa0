"""Redis and Postgres go away in the middle of the work, and come back."""

import secrets
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from chimera_cli.local.postgres_server import PostgresServer
from chimera_cli.local.process import free_port
from chimera_cli.local.redis_server import RedisServer
from chimera_cli.local.stand_in import MODEL_NAME
from tests.cli.driver import KINDS, Line, assert_one_clear_error
from tests.servers import or_skip


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[PostgresServer]:
    """A PostgreSQL of this test's own, which may be stopped."""
    server = PostgresServer(tmp_path / "postgres", free_port(), secrets.token_urlsafe(12))
    yield or_skip(server.start, server)
    server.stop()


@pytest.mark.chaos
def test_a_worker_lives_through_the_loss_of_each_server_and_nothing_is_lost_or_done_twice(
    redis: RedisServer, postgres: PostgresServer, model_url: str, tmp_path: Path
) -> None:
    settings = {"OPENAI_API_KEY": "stand-in", "OPENAI_BASE_URL": model_url, "CHIMERA_RETRY__BASE_S": "0.1"}
    line = Line(tmp_path, DATABASE_URL=postgres.url, REDIS_URL=redis.url, **settings)
    with ExitStack() as ends:
        ends.callback(line.close)
        assert line.run("db", "migrate").code == 0
        worker = line.start("worker", "--count", "4", "--handlers", str(KINDS))
        first = line.submit("through the loss of Redis", gated(line, "redis"))
        line.until(lambda: len(line.marked("gated")) == 4, "four are running")

        redis.stop()
        line.until(lambda: '"backend": "Redis"' in worker.said, "the worker misses Redis")
        second = line.submit("stored while Redis is away", [{"key": f"m-{n}", "kind": "mark"} for n in range(5)])
        shown, status = line.at_once(("goals", "show", second, "--json"), ("status",))
        assert shown.json["counts"] == {"PENDING": 5}
        assert_one_clear_error(status, 5, "Redis", "hint: ")
        line.open_gate("redis")
        redis.start()
        line.until(lambda: "Redis is back" in worker.said, "the worker has Redis again")
        line.over(first)
        line.over(second)

        third = line.submit("through the loss of Postgres", gated(line, "postgres"))
        line.until(lambda: len(line.marked("gated")) == 6 + 4, "four more are running")
        postgres.stop()
        line.until(lambda: '"backend": "Postgres"' in worker.said, "the worker misses Postgres")
        line.open_gate("postgres")
        line.until(lambda: len(line.marked("gated")) == 6 + 6, "work goes on without Postgres")
        postgres.start()
        line.over(third)

        assert worker.alive
        worker.signal(signal.SIGTERM)
        assert worker.ended().code == 0
        assert "Traceback" not in worker.said
        assert all(said.startswith("[MCP-LOG] ") for said in worker.said.splitlines())
        done = line.rows("SELECT count(*), count(DISTINCT task_id) FROM events WHERE name = 'task.completed'")
        assert done == [(17, 17)]


@pytest.mark.chaos
def test_while_the_record_is_away_effects_wait_unclaimed_and_proposals_go_on(
    redis: RedisServer, postgres: PostgresServer, model_url: str, tmp_path: Path
) -> None:
    settings = {"OPENAI_API_KEY": "stand-in", "OPENAI_BASE_URL": model_url, "CHIMERA_RETRY__BASE_S": "0.1"}
    settings["CHIMERA_MODEL__NAME"] = MODEL_NAME
    line = Line(tmp_path, DATABASE_URL=postgres.url, REDIS_URL=redis.url, **settings)
    with ExitStack() as ends:
        ends.callback(line.close)
        assert line.run("db", "migrate").code == 0
        line.start("judge")
        worker = line.start("worker", "--count", "1", "--handlers", str(KINDS))
        effects = line.submit("effects", [{"key": f"post-{n}", "kind": "posted"} for n in range(7)])
        line.until(lambda: len(cards(line)) == 7, "all cards are there")
        busy = line.submit("busy", gated(line, "busy"))
        line.until(lambda: len(line.marked("gated")) == 1, "the only hand is full")
        approved = [line.start("review", "approve", card, "--as", "ada") for card in cards(line)]
        assert [one.ended().code for one in approved] == [0] * 7

        postgres.stop()
        line.until(lambda: "effects.held" in worker.said, "the worker knows that effects have to wait")
        line.open_gate("busy")
        line.until(lambda: len(line.marked("gated")) == 6, "other work goes on")
        assert line.marked("posted") == []
        postgres.start()
        line.over(effects)
        line.over(busy)

        assert len(line.marked("posted")) == 7
        assert len({task for _, task, *_ in line.marked("posted")}) == 7
        begun = line.rows("SELECT count(*) FROM events WHERE name = 'task.started' AND phase = 'execute'")
        assert begun == [(7,)]


def cards(line: Line) -> list[str]:
    return [card for (card,) in line.rows("SELECT id FROM cards WHERE status = 'PENDING' ORDER BY id")]


def gated(line: Line, gate: str) -> list[dict]:
    return [{"key": f"{gate}-{n}", "kind": "gated", "payload": {"gate": line.gate(gate)}} for n in range(6)]
