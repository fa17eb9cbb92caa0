import pytest

from chimera_cli.adapters.redis_client import check_eviction, check_role, check_version, open_redis
from chimera_cli.exceptions import BackendUnavailable, ConfigError

NOBODY = "redis://127.0.0.1:1/0"


@pytest.mark.parametrize("version", ["6.2.14", "7.0.0", "8.2.1"])
def test_a_server_that_keeps_what_it_is_given_fits(version: str) -> None:
    check_version(version)
    check_eviction("noeviction")


def test_a_server_that_could_lose_work_is_refused() -> None:
    with pytest.raises(ConfigError, match="too old"):
        check_version("6.0.9")
    with pytest.raises(ConfigError, match="evicts"):
        check_eviction("allkeys-lru")


def test_a_replica_is_refused_unless_a_failover_is_under_way() -> None:
    check_role("master", behind_sentinel=False)
    with pytest.raises(ConfigError, match="replica") as refused:
        check_role("slave", behind_sentinel=False)
    assert "redis+sentinel://" in refused.value.hint
    with pytest.raises(BackendUnavailable):
        check_role("slave", behind_sentinel=True)


async def test_a_server_that_is_away_is_unavailable() -> None:
    with pytest.raises(BackendUnavailable):
        async with open_redis(NOBODY):
            pass


async def test_a_server_that_is_not_required_may_be_away_until_it_is_used() -> None:
    async with open_redis(NOBODY, required=False) as client:
        assert client is not None


async def test_a_url_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="REDIS_URL"):
        async with open_redis("http://example"):
            pass
