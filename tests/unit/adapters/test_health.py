import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr
from redis import Redis

from chimera_cli.adapters.health import MIB, clock_check, completed
from chimera_cli.adapters.health_disk import free_for_postgres, free_for_redis, space_check
from chimera_cli.adapters.health_model import key_check, model_check
from chimera_cli.adapters.health_postgres import TABLE, connections_check, postgres_checks
from chimera_cli.adapters.health_redis import JUDGES, redis_checks, worst
from chimera_cli.adapters.keys import Keys
from chimera_cli.local.process import free_port
from chimera_cli.local.redis_server import RedisServer
from chimera_cli.models.check import Check
from tests.acl import limited_url
from tests.refusals import REFUSALS, admin
from tests.servers import Servers, or_skip

NOW = datetime(2030, 1, 1, tzinfo=UTC)
FIT = {"redis_version": "7.2.4", "aof_enabled": 1, "maxmemory_policy": "noeviction", "role": "master", "free": None}
KEY = SecretStr("k")


def judged(info: dict[str, object]) -> dict[str, str]:
    """Return what is not well: the name and whether that fails or warns. Each has its cure."""
    checks = [judge({**FIT, **info}) for judge in JUDGES.values()]
    assert all(check.mend for check in checks if check.warn or not check.ok)
    return {check.name: "warn" if check.ok else "fail" for check in checks if check.warn or not check.ok}


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({}, {}),
        ({"redis_version": "6.2.0"}, {}),
        ({"redis_version": "6.0.16"}, {"redis version": "fail"}),
        ({"redis_version": ""}, {"redis version": "fail"}),
        ({"maxmemory_policy": "allkeys-lru"}, {"redis eviction": "fail"}),
        ({"maxmemory_policy": "allkeys-lru", "evicted_keys": 7}, {"redis eviction": "fail"}),
        ({"evicted_keys": 7}, {"redis eviction": "warn"}),
        ({"aof_enabled": 0}, {"redis persistence": "fail"}),
        ({"role": "slave"}, {"redis.role": "fail"}),
        ({"used_memory": 79, "maxmemory": 100}, {}),
        ({"used_memory": 80, "maxmemory": 100}, {"redis.memory": "warn"}),
        ({"used_memory": 100, "maxmemory": 100}, {"redis.memory": "fail"}),
        ({"used_memory": 130, "maxmemory": 100, "mem_not_counted_for_evict": 60}, {}),
        ({"used_memory": 80, "total_system_memory": 100}, {"redis.memory": "warn"}),
        ({"aof_last_write_status": "err"}, {"redis.disk": "fail"}),
        ({"rdb_last_bgsave_status": "err"}, {"redis.disk": "warn"}),
        ({"aof_last_bgrewrite_status": "err", "free": 10 * MIB}, {"redis.disk": "fail"}),
        ({"free": 500 * MIB}, {"redis.disk": "warn"}),
        ({"connected_slaves": 1, "slave0": {"state": "online"}, "min_slaves_good_slaves": 1}, {}),
        ({"connected_slaves": 1, "slave0": {"state": "wait_bgsave"}}, {"redis.replicas": "warn"}),
        ({"min_slaves_good_slaves": 0}, {"redis.replicas": "fail"}),
    ],
)
def test_a_redis_is_judged_by_what_it_says_of_itself_and_told_how_to_be_mended(
    info: dict[str, object], expected: dict[str, str]
) -> None:
    assert judged(info) == expected


def test_memory_without_a_limit_is_told_as_that() -> None:
    assert JUDGES["redis.memory"]({"used_memory": 3 * MIB}).detail == "no limit set, 3.0 MiB in use"


def test_of_several_primaries_the_one_that_is_worst_off_is_told_with_its_name() -> None:
    checks = [
        ("a", Check(name="n", ok=True, warn=True, detail="so so")),
        ("b", Check(name="n", ok=False, detail="bad")),
    ]
    assert worst(checks).detail == "b: bad"
    assert worst(checks[:1]).detail == "so so"


def test_free_space_is_never_guessed(tmp_path: Path) -> None:
    assert "cannot be known from here" in space_check("n", None, "d").detail
    assert free_for_redis({"process_id": os.getpid(), "executable": "/bin/sh"}) is None
    (tmp_path / "postmaster.pid").write_text(f"1\n{tmp_path}\n1000\n5432\n")
    assert free_for_postgres(str(tmp_path), 5432, 1001) is not None
    assert free_for_postgres(str(tmp_path), 5433, 1001) is None
    assert free_for_postgres(str(tmp_path), 5432, 9999) is None
    assert free_for_postgres("", 5432, 1001) is None


@pytest.mark.parametrize(("most", "used", "warn"), [(100, 50, False), (100, 80, True), (20, 11, True), (20, 10, False)])
def test_connections_that_run_short_are_worth_a_look(most: int, used: int, warn: bool) -> None:
    assert connections_check(most, used).warn is warn


@pytest.mark.parametrize(("seconds", "ok"), [(0, True), (5, True), (-5, True), (6, False), (-6, False)])
def test_clocks_may_differ_by_a_few_seconds(seconds: int, ok: bool) -> None:
    assert clock_check("clock", NOW + timedelta(seconds=seconds), NOW).ok is ok


@pytest.mark.parametrize(
    ("status", "ok", "words"),
    [
        (200, True, "takes the key"),
        (401, False, "refuses the key"),
        (403, False, "refuses the key"),
        (404, True, "not tried"),
        (None, True, "not tried"),
    ],
)
def test_only_an_endpoint_that_refuses_the_key_makes_it_wrong(status: int | None, ok: bool, words: str) -> None:
    check = key_check("here:1", status)
    assert (check.ok, words in check.detail, bool(check.mend)) == (ok, True, not ok)


async def test_a_model_endpoint_that_is_not_there_is_told() -> None:
    check = await model_check(f"http://127.0.0.1:{free_port()}/v1", KEY)
    assert not check.ok
    assert check.mend
    assert (await model_check(None, None)).detail == "OPENAI_API_KEY is not set"


async def test_an_endpoint_that_says_nothing_sensible_is_well_and_its_key_not_tried() -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(nonsense, "127.0.0.1", 0) as server:
        check = await model_check(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", KEY)
    assert check.ok
    assert "the key was not tried" in check.detail


async def test_a_check_that_cannot_be_made_is_there_with_its_name() -> None:
    async def nothing() -> AsyncIterator[Check]:
        for check in [Check(name="one", ok=True, detail="d")]:
            yield check

    checks = [check async for check in completed(nothing(), ["one", "two"])]
    assert [(check.name, check.ok, check.warn) for check in checks] == [("one", True, False), ("two", True, True)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis of these tests' own, which may be made to refuse."""
    made = RedisServer(tmp_path_factory.mktemp("redis"), free_port(), secrets.token_urlsafe(12))
    yield or_skip(made.start, made)
    made.stop()


async def failed_in_redis(url: str) -> set[str]:
    return {check.name async for check in redis_checks(url, Keys("doctor", 2)) if not check.ok}


FAILS = {
    "OOM": {"redis.memory", "redis.write"},
    "MISCONF": {"redis.write"},
    "READONLY": {"redis.role", "redis.write"},
    "NOREPLICAS": {"redis.replicas", "redis.write"},
    "NOPERM": {"redis.write"},
}


@pytest.mark.parametrize("word", REFUSALS)
async def test_a_redis_that_refuses_writes_fails_by_name_and_is_well_when_that_is_over(
    server: RedisServer, word: str
) -> None:
    url = limited_url([server.url])  # No more than deploy/redis.acl says.
    with REFUSALS[word](server):
        assert await failed_in_redis(url) == FAILS[word]
    assert await failed_in_redis(url) == set()
    with admin(server) as client:
        assert client.keys("*") == []


async def test_a_user_who_may_run_no_scripts_and_a_policy_that_evicts_fail_by_name(server: RedisServer) -> None:
    url = limited_url([server.url])
    with admin(server) as client:
        client.execute_command("ACL", "SETUSER", "chimera", "-evalsha", "-eval")
        client.config_set("maxmemory-policy", "allkeys-lru")
        assert await failed_in_redis(url) == {"redis.write", "redis eviction"}
        client.config_set("maxmemory-policy", "noeviction")


async def test_each_primary_of_a_cluster_is_tried(cluster_url: str) -> None:
    checks = {check.name: check async for check in redis_checks(cluster_url, Keys("doctor", 3))}
    assert {name for name, check in checks.items() if not check.ok} <= {"redis persistence"}
    with Redis.from_url(cluster_url) as client:
        assert checks["redis.role"].detail.endswith(": primary"), client.info("server")


async def test_a_wrong_password_is_not_shown(redis_url: str) -> None:
    port = redis_url.rsplit(":", 1)[1]
    checks = [check async for check in redis_checks(f"redis://:hunter2@127.0.0.1:{port}", Keys("doctor"))]
    assert [check.ok for check in checks] == [False] * (len(JUDGES) + 3)
    assert "hunter2" not in str(checks)


async def looked(url: str) -> dict[str, Check]:
    return {check.name: check async for check in postgres_checks(url, "default")}


async def test_a_migrated_database_is_well_and_nothing_is_left_in_it(fresh_database: str) -> None:
    checks = await looked(fresh_database)
    assert {name: check.ok for name, check in checks.items()} == dict.fromkeys(("postgres", *TABLE), True)
    with psycopg.connect(fresh_database) as connection:
        assert connection.execute("SELECT count(*) FROM goals").fetchone() == (0,)


async def test_a_database_that_takes_no_writes_fails_by_name(fresh_database: str) -> None:
    name = sql.Identifier(fresh_database.rsplit("/", 1)[1])
    with psycopg.connect(fresh_database, autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only TO on").format(name))
    checks = await looked(fresh_database)
    assert {name for name, check in checks.items() if not check.ok} == {"postgres.write"}
    assert "default_transaction_read_only" in checks["postgres.write"].mend


async def test_a_user_who_has_no_connection_left_is_told_so(servers: Servers, fresh_database: str) -> None:
    with psycopg.connect(fresh_database, autocommit=True) as connection:
        connection.execute("CREATE ROLE crowded LOGIN PASSWORD 'crowded' CONNECTION LIMIT 0")
        try:
            database = fresh_database.rsplit("/", 1)[1]
            checks = await looked(f"postgresql://crowded:crowded@127.0.0.1:{servers.postgres.port}/{database}")
        finally:
            connection.execute("DROP ROLE crowded")
    assert not checks["postgres"].ok
    assert "max_connections" in checks["postgres"].mend


async def test_an_empty_database_needs_a_migration(database_url: str) -> None:
    checks = await looked(database_url)
    assert checks["postgres"].ok
    assert (checks["postgres schema"].ok, checks["postgres schema"].mend) == (False, "chimera db migrate")
    assert checks["postgres.session"].ok
