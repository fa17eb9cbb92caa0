"""Doctor means "can work": servers that answer and cannot do what the roles do, on the real command line."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import psycopg
import pytest

from chimera_cli.local.redis_server import RedisServer
from tests.cli.driver import Line, assert_one_clear_error
from tests.refusals import admin, full


@pytest.fixture
def line(redis: RedisServer, fresh_database: str, model_url: str, tmp_path: Path) -> Iterator[Line]:
    """A swarm without processes on a Redis of its own."""
    model = {"OPENAI_API_KEY": "stand-in", "OPENAI_BASE_URL": model_url}
    stores = {"DATABASE_URL": fresh_database, "REDIS_URL": redis.url, "CHIMERA_NAMESPACE": "default"}
    made = Line(tmp_path, **stores, **model)
    yield made
    made.close()


def failing(line: Line, **environment: str) -> tuple[int, list[str]]:
    """Run doctor; return its exit code and the names of what fails. Each has a cure, and the JSON agrees with the code."""
    ended = line.run("doctor", "--json", **environment)
    document = json.loads(ended.out)
    bad = [check for check in document["checks"] if not check["ok"]]
    assert all(check["mend"] for check in bad)
    assert document["ok"] is (ended.code == 0)
    return ended.code, [check["name"] for check in bad]


def test_doctor_and_status_tell_of_a_redis_that_is_full(line: Line, redis: RedisServer) -> None:
    assert failing(line) == (0, [])
    assert line.run("status", "--json").json["refused"] is None
    with full(redis):
        assert failing(line) == (1, ["redis.memory", "redis.write"])
        refused = line.run("status", "--json").json["refused"]
        assert refused.startswith("Redis refuses writes: OOM")
        assert "maxmemory" in refused


def test_a_policy_that_evicts_is_told_by_what_looks_and_refused_by_what_writes(line: Line, redis: RedisServer) -> None:
    worker = line.start("worker", "--count", "1")
    line.until(lambda: "agent.started" in worker.said, "the worker is up")
    with admin(redis) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    line.until(lambda: "redis.evicts" in worker.said, "it is told")
    [told] = [said for said in worker.said.splitlines() if "redis.evicts" in said]
    assert "maxmemory-policy allkeys-lru" in told
    assert "CONFIG SET maxmemory-policy noeviction" in told
    assert failing(line) == (1, ["redis eviction"])
    assert "cannot be told" not in line.run("doctor").out
    assert "maxmemory-policy allkeys-lru" in line.run("status", "--json").json["evicts"]
    assert_one_clear_error(line.run("goals", "pause", "abcd"), 6, "maxmemory-policy allkeys-lru", "noeviction")


def test_doctor_tells_of_a_database_that_takes_no_writes(line: Line, fresh_database: str) -> None:
    with psycopg.connect(fresh_database, autocommit=True) as connection:
        name = fresh_database.rsplit("/", 1)[1]
        connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only TO on'.encode())
    assert failing(line) == (1, ["postgres.write"])


def test_doctor_tells_of_a_key_that_the_model_refuses(line: Line) -> None:
    with strict_model("right") as url:
        assert failing(line, OPENAI_BASE_URL=url, OPENAI_API_KEY="right") == (0, [])
        assert failing(line, OPENAI_BASE_URL=url, OPENAI_API_KEY="wrong") == (1, ["model"])


@contextmanager
def strict_model(key: str) -> Iterator[str]:
    """Serve a provider that tells its models to the one who has the key."""

    class Lists(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            allowed = self.headers["authorization"] == f"Bearer {key}"
            body = json.dumps({"object": "list", "data": []} if allowed else {"error": {"message": "no"}}).encode()
            self.send_response(200 if allowed else 401)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Lists) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()
