"""Two swarms on the same servers, and stores that do not belong together, on the real command line."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from redis import Redis

from chimera_cli.bootstrap import connect
from chimera_cli.config import Settings
from chimera_cli.local.redis_server import RedisServer
from chimera_cli.services.pairing import ForeignStore
from tests.cli.conftest import NewLine
from tests.cli.driver import KINDS, Completed, Line
from tests.servers import Servers

ODD = "A.Very-odd_Namespace.of-40-characters..Z"
OTHER = ODD.lower()
HANDLERS = ("--handlers", str(KINDS))
CHANGING = ("processes",)
"""Tables that running roles write to all the time."""
EXPIRING = b":grace"
"""What the end of keys is called that go by themselves."""


@pytest.fixture
def pair(new_line: NewLine, tmp_path: Path) -> Iterator[tuple[Line, Line]]:
    """Two swarms on one Postgres and one Redis, whose namespaces differ by case only."""
    one = new_line(CHIMERA_NAMESPACE=ODD)
    (tmp_path / "other").mkdir()
    other = Line(tmp_path / "other", **{**settings_of(one), "CHIMERA_NAMESPACE": OTHER})
    yield one, other
    other.close()


def settings_of(line: Line) -> dict[str, str]:
    names = ("CHIMERA_", "OPENAI_", "DATABASE_URL", "REDIS_URL")
    return {name: value for name, value in line.environment.items() if name.startswith(names)}


def digest(line: Line) -> dict[str, str]:
    """Sum up every row and key that a swarm has, by table and key."""
    namespace = line.environment["CHIMERA_NAMESPACE"]
    found: dict[str, str] = {}
    with psycopg.connect(line.environment["DATABASE_URL"]) as connection:
        schema = f"chimera_{namespace}"
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema]).fetchall()
        for (table,) in tables:
            if table not in CHANGING:
                rows = connection.execute(
                    sql.SQL("SELECT coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '') FROM {} t").format(
                        sql.Identifier(schema, table)
                    )
                ).fetchone()
                found[table] = hashlib.sha256(str(rows).encode()).hexdigest()
    with Redis.from_url(line.environment["REDIS_URL"]) as client:
        for prefix in (f"{{chimera:{namespace}}}:*", f"{{chimera:{namespace}:*"):
            found |= {
                str(key): hashlib.sha256(client.dump(key) or b"").hexdigest()
                for key in client.scan_iter(prefix)
                if not key.endswith(EXPIRING)
            }
    return found


def test_two_namespaces_at_once_never_touch_each_others_rows_or_keys_whatever_command_runs(
    pair: tuple[Line, Line],
) -> None:
    one, other = pair
    still = other.submit("stays as it is", [{"key": "s", "kind": "posted"}, {"key": "t", "kind": "mark"}])
    before = digest(other)
    assert len(before) > 12
    plan = one.write("one.json", json.dumps({"goal": "one", "tasks": [{"key": "p", "kind": "posted"}]}))
    goal = one.run("plan", "--file", plan, *HANDLERS, "--json").json["goal_id"]
    more = one.write("more.jsonl", '{"key": "m", "kind": "mark"}\n{"key": "n", "kind": "mark"}\n')
    commands: list[tuple[str, ...]] = [
        ("status",),
        ("goals", "list"),
        ("goals", "show", goal),
        ("tasks", "add", goal, "--file", more, *HANDLERS),
        ("tasks", "list"),
        ("goals", "pause", goal),
        ("goals", "resume", goal),
        ("worker", "--burst", *HANDLERS),
        ("judge", "--burst"),
        ("worker", "--burst", *HANDLERS),
        ("review", "list"),
        ("audit", "list"),
        ("audit", "verify"),
        ("audit", "export"),
        ("db", "status"),
        ("db", "migrate"),
        ("db", "adopt"),
    ]
    for words in commands:
        ended = one.run(*words)
        assert ended.code == 0, (words, ended)
        assert digest(other) == before, words
    for words in (("goals", "show", still), ("goals", "cancel", still, "--yes"), ("tasks", "list", "--goal", still)):
        assert one.run(*words).code == 3, words
    assert one.run("goals", "cancel", goal, "--yes").code in (0, 4)
    assert {check["name"]: check["ok"] for check in json.loads(one.run("doctor", "--json").out)["checks"]}["identity"]
    assert digest(other) == before
    ids = [line.run("status", "--json").json["identity"] for line in pair]
    assert [id["namespace"] for id in ids] == [ODD, OTHER]
    assert ids[0]["id"] != ids[1]["id"]
    both = [line.start("worker", "--burst", *HANDLERS) for line in pair]
    assert [role.ended().code for role in both] == [0, 0]
    ran = [words[1] for line in pair for words in line.marked("mark")]
    assert len(ran) == len(set(ran))


@contextmanager
def foreign(line: Line, redis: RedisServer, servers: Servers, folder: Path) -> Iterator[dict[str, str]]:
    """Have another Redis belong to another record of the same namespace; gives what leads a command to it."""
    database = servers.new_database()
    (folder / "stranger").mkdir()
    led = {**settings_of(line), "DATABASE_URL": servers.postgres.url_of(database), "REDIS_URL": redis.url}
    stranger = Line(folder / "stranger", **led)
    try:
        assert stranger.run("status").code == 0, "the two meet"
        yield {"REDIS_URL": redis.url}
    finally:
        stranger.close()
        servers.drop_database(database)


def refused(ended: Completed, *ids: str) -> None:
    """A foreign pair: exit 6, one line with both identities, and a cure."""
    assert ended.code == 6, ended
    assert all(id in ended.err for id in ids), ended
    assert "chimera db adopt" in ended.err
    assert "Traceback" not in ended.err


async def test_a_foreign_redis_is_refused_by_every_command_and_role_and_nothing_is_changed(
    new_line: NewLine, redis: RedisServer, servers: Servers, tmp_path: Path
) -> None:
    line = new_line()
    goal = line.submit("mine", [{"key": "a", "kind": "mark"}])
    task = line.rows("SELECT id FROM tasks")[0][0]
    with foreign(line, redis, servers, tmp_path) as elsewhere:
        mine = line.run("status", "--json").json["identity"]["id"]
        namespace = line.environment["CHIMERA_NAMESPACE"]
        with Redis.from_url(redis.url) as client:
            theirs = json.loads(client.get(f"{{chimera:{namespace}}}:identity") or b"{}")["id"]
        before = digest(line)
        plan = line.write("again.json", json.dumps({"goal": "again", "tasks": [{"key": "b", "kind": "mark"}]}))
        commands = (
            ("status",),
            ("plan", "--file", plan, *HANDLERS),
            ("plan", "--watch", *HANDLERS),
            ("worker", "--burst", *HANDLERS),
            ("worker", "--processes", "2", *HANDLERS),
            ("judge", "--burst"),
            ("goals", "pause", goal),
            ("goals", "cancel", goal, "--yes"),
            ("tasks", "cancel", task, "--yes"),
            ("review", "approve", "abcd1234"),
        )
        for words in commands:
            refused(line.run(*words, **elsewhere), mine, theirs)
        told = json.loads(line.run("doctor", "--json", **elsewhere).out)
        assert [check["name"] for check in told["checks"] if not check["ok"]] == ["identity"]
        program = Settings(
            _env_file=None,
            DATABASE_URL=line.environment["DATABASE_URL"],
            REDIS_URL=redis.url,
            namespace=namespace,
        )
        with pytest.raises(ForeignStore):
            async with connect(program):
                pass
        assert digest(line) == before
    assert line.run("worker", "--burst", *HANDLERS).code == 0
    assert line.goal(goal) == "COMPLETED"


def test_the_right_redis_with_another_record_is_refused_before_anything_is_written(
    new_line: NewLine,
) -> None:
    line, stranger = new_line(), new_line()
    line.submit("mine", [{"key": "a", "kind": "mark"}])
    here = {name: line.environment[name] for name in ("REDIS_URL", "CHIMERA_NAMESPACE")}
    ended = stranger.run("worker", "--burst", *HANDLERS, **here)
    refused(ended, "holds swarm")
    assert line.run("worker", "--burst", *HANDLERS).code == 0
    assert len(line.marked("mark")) == 1


def test_a_running_role_ends_when_its_redis_becomes_another_swarms(new_line: NewLine) -> None:
    line = new_line()
    roles = [line.start("worker", *HANDLERS), line.start("judge"), line.start("plan", "--watch", *HANDLERS)]
    line.until(lambda: all("agent.started" in role.said for role in roles), "all roles are up")
    fleet = f"{{chimera:{line.environment['CHIMERA_NAMESPACE']}}}:identity"
    with Redis.from_url(line.environment["REDIS_URL"]) as client:
        ours = client.get(fleet) or b"{}"
        client.set(fleet, json.dumps({**json.loads(ours), "id": "another"}))
        for role in roles:
            refused(role.ended(), "another", json.loads(ours)["id"])
        client.set(fleet, ours)
    assert line.rows("SELECT count(*) FROM processes") == [(0,)]


def test_the_record_is_moved_to_another_redis_on_purpose_and_its_work_is_done_there(
    new_line: NewLine, redis: RedisServer, servers: Servers, fresh_database: str, tmp_path: Path
) -> None:
    led = {**settings_of(new_line()), "DATABASE_URL": fresh_database, "CHIMERA_NAMESPACE": "moves"}
    line = Line(tmp_path, **led)
    goal = line.submit("moves", [{"key": f"k-{n}", "kind": "mark"} for n in range(3)])
    old = line.run("status", "--json").json["identity"]
    with ExitStack() as ends:
        ends.callback(line.close)
        elsewhere = ends.enter_context(foreign(line, redis, servers, tmp_path))
        unasked = line.run("db", "adopt", **elsewhere)
        assert unasked.code == 8
        assert "dispatch 3 live tasks again" in unasked.err
        moved = line.run("db", "adopt", "--yes", "--as", "ada", "--reason", "burned", "--json", **elsewhere).json
        assert moved["adopted"]
        assert moved["before"] == old["id"]
        assert line.run("worker", "--burst", *HANDLERS, **elsewhere).code == 0
        assert line.goal(goal) == "COMPLETED"
        refused(line.run("status"), old["id"], moved["identity"]["id"])
        assert not line.run("db", "adopt", "--json", **elsewhere).json["adopted"]
        [row] = line.rows("SELECT operator, action, reason FROM audit")
        assert row[:2] == ("ada", "adopt")
        assert row[2].endswith("burned")
        line.environment |= elsewhere
        assert line.violations(ended=False) == []


def test_another_database_of_the_same_server_is_another_redis(new_line: NewLine) -> None:
    line = new_line()
    worker = line.start("worker", "--count", "1", *HANDLERS)
    goal = line.submit("stay where it is", [{"key": "one", "kind": "gated", "payload": {"gate": line.gate("one")}}])
    line.until(lambda: len(line.marked("gated")) == 1, "it runs")
    url = line.environment["REDIS_URL"]
    wrong = line.run("worker", "--count", "1", *HANDLERS, REDIS_URL=f"{url.rsplit('/', 1)[0]}/1")
    assert (wrong.code, wrong.err.count("holds no identity")) == (6, 1)
    line.open_gate("one")
    line.over(goal)
    assert worker.alive
    assert len(line.marked("gated")) == 1


def test_a_redis_that_was_left_for_another_which_is_gone_fails_doctor_and_is_adopted_again(new_line: NewLine) -> None:
    line = new_line()
    goal = line.submit("go on", [{"key": "one", "kind": "mark"}])
    line.run("worker", "--burst", "--count", "1", *HANDLERS)
    line.over(goal)
    line.rows("UPDATE shards SET epoch = epoch + 1, run = 'another' RETURNING epoch")
    left = json.loads(line.run("doctor", "--json").out)["checks"]
    [compared] = [check for check in left if check["name"] == "redis compared"]
    assert not compared["ok"]
    assert "chimera db adopt" in compared["mend"]
    assert line.run("status", "--json").json["replaced"]
    assert line.run("db", "adopt", "--yes").code == 0
    goal = line.submit("go on again", [{"key": "one", "kind": "mark"}])
    line.run("worker", "--burst", "--count", "1", *HANDLERS)
    line.over(goal)
