import socket
from datetime import UTC, datetime, timedelta

import pytest

from chimera_cli.adapters.health import clock_check, judge_redis, model_check, postgres_checks, redis_checks

NOW = datetime(2030, 1, 1, tzinfo=UTC)
FIT = {"redis_version": "7.2.4", "aof_enabled": 1}


def faults(info: dict[str, object], policy: str = "noeviction") -> list[str]:
    said = {**FIT, "maxmemory_policy": policy, **info}
    return [check.name for check in judge_redis(said) if not check.ok and check.mend]


@pytest.mark.parametrize(
    ("info", "policy", "expected"),
    [
        ({}, "noeviction", []),
        ({"redis_version": "6.2.0"}, "noeviction", []),
        ({"redis_version": "6.0.16"}, "noeviction", ["redis version"]),
        ({}, "allkeys-lru", ["redis eviction"]),
        ({"aof_enabled": 0}, "noeviction", ["redis persistence"]),
        ({"redis_version": "", "aof_enabled": 0}, "unknown", ["redis version", "redis eviction", "redis persistence"]),
    ],
)
def test_a_redis_that_may_lose_work_is_told_how_to_be_mended(
    info: dict[str, object], policy: str, expected: list[str]
) -> None:
    assert faults(info, policy) == expected


@pytest.mark.parametrize(("seconds", "ok"), [(0, True), (5, True), (-5, True), (6, False), (-6, False)])
def test_clocks_may_differ_by_a_few_seconds(seconds: int, ok: bool) -> None:
    assert clock_check("clock", NOW + timedelta(seconds=seconds), NOW).ok is ok


def test_a_model_endpoint_that_listens_is_well_and_is_asked_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        assert model_check(url, True).ok
    closed = model_check(url, True)
    assert not closed.ok
    assert closed.mend
    assert model_check(url, False).detail == "OPENAI_API_KEY is not set"


async def test_a_real_redis_is_looked_at_whole(redis_url: str) -> None:
    checks = [check async for check in redis_checks(redis_url)]
    assert [check.name for check in checks if check.name != "redis persistence" and not check.ok] == []
    assert len(checks) == 5


async def test_a_wrong_password_is_not_shown(redis_url: str) -> None:
    port = redis_url.rsplit(":", 1)[1]
    checks = [check async for check in redis_checks(f"redis://:hunter2@127.0.0.1:{port}")]
    assert [check.ok for check in checks] == [False] * 5
    assert "hunter2" not in str(checks)


async def test_a_migrated_database_is_well(fresh_database: str) -> None:
    assert [check.ok async for check in postgres_checks(fresh_database)] == [True] * 5


async def test_an_empty_database_needs_a_migration(database_url: str) -> None:
    checks = {check.name: check async for check in postgres_checks(database_url)}
    assert checks["postgres"].ok
    assert (checks["postgres schema"].ok, checks["postgres schema"].mend) == (False, "chimera db migrate")
