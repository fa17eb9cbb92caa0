"""A Redis behind Sentinel, through a failover."""

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from redis.asyncio import Redis

from chimera_cli.adapters.redis_client import open_redis, single_client
from chimera_cli.adapters.redis_connections import Demoted
from chimera_cli.adapters.redis_errors import redis_errors
from chimera_cli.exceptions import BackendUnavailable, ConfigError
from tests.sentinel import SERVICE, Watched, WatchedRedis
from tests.servers import or_skip

WRITE = "return redis.call('SET', KEYS[1], ARGV[1])"
TRIES = 3
"""A connection that was cut in the pool costs one."""
LOOKS = 50
"""Writes beside which the Sentinels are asked: many more than it takes to hear from them."""
NAME = "client_name=the-client-of-this-test"


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Two servers and a Sentinel, shared by the module: any of the two may be the primary."""
    with Watched(tmp_path_factory.mktemp("watched")) as service:
        yield service


def clients(server: WatchedRedis) -> list[str]:
    """List the connections of the client of a test at a server."""
    with server.client() as client:
        return [known["addr"] for known in client.client_list() if f"client_name={known['name']}" == NAME]


async def insisted(client: Redis, key: str, value: str) -> None:
    """Write as the roles do, which take an outage for one."""
    for _ in range(TRIES):
        with suppress(BackendUnavailable), redis_errors():
            await client.eval(WRITE, 1, key, value)
            return
    raise AssertionError(f"no primary took the write in {TRIES} tries")


async def test_a_client_follows_a_failover_and_leaves_nothing_at_the_old_primary(watched: Watched) -> None:
    old = watched.primary
    async with open_redis(f"{watched.url}&{NAME}") as client:
        await client.set("before", "1")
        assert clients(old)
        watched.fail_over()
        await insisted(client, "after", "2")
        assert clients(old) == []
        with watched.primary.client() as new:
            assert new.mget("before", "after") == ["1", "2"]


async def test_a_primary_that_nobody_names_any_more_is_left_though_it_goes_on_answering(watched: Watched) -> None:
    sentinel = watched.sentinels[0]
    old, other = watched.primary, next(server for server in watched.servers if server is not watched.primary)
    with other.client() as second:
        client = single_client(f"{watched.url}&{NAME}", ask_every_s=0)
        await client.set("mine", "1")
        # A Sentinel that still watched would have the other server follow the old one again.
        watched.ask(sentinel, f"sentinel remove {SERVICE}")
        second.replicaof("NO", "ONE")
        watched.ask(sentinel, f"sentinel monitor {SERVICE} 127.0.0.1 {other.port} 1")
        watched.ask(sentinel, f"sentinel set {SERVICE} auth-pass {watched.secret}")
        for _ in range(LOOKS):
            await insisted(client, "mine", "2")
        assert second.get("mine") == "2"
        assert clients(old) == []
        await client.aclose()
    with old.client() as first:
        first.replicaof("127.0.0.1", other.port)
    watched.until_ready()


async def test_a_client_of_one_server_leaves_it_when_it_has_become_a_replica(tmp_path: Path) -> None:
    with ExitStack() as ends:
        old, new = (WatchedRedis(tmp_path / name, "s3cret") for name in ("old", "new"))
        for server in (old, new):
            ends.callback(server.stop)
            or_skip(server.start, server)
        client = single_client(f"{old.url}?{NAME}")
        await client.set("a", "1")
        with old.client() as operator:
            operator.replicaof("127.0.0.1", new.port)
        for _ in range(2):
            with pytest.raises(Demoted):
                await client.eval(WRITE, 1, "a", "2")
            assert clients(old) == []
        await client.aclose()


async def test_a_replica_is_refused(watched: Watched) -> None:
    replica = next(server for server in watched.servers if server is not watched.primary)
    with pytest.raises(ConfigError, match="replica"):
        async with open_redis(replica.url):
            pass


async def test_a_wrong_service_is_told_with_those_that_there_are(watched: Watched) -> None:
    with pytest.raises(ConfigError, match="'nowhere'") as wrong:
        async with open_redis(watched.url_for("nowhere")):
            pass
    assert wrong.value.exit_code == 6
    assert SERVICE in wrong.value.hint


async def test_a_wrong_password_of_the_sentinels_is_told_apart(watched: Watched) -> None:
    with pytest.raises(ConfigError, match="Sentinel refuses") as wrong:
        async with open_redis(watched.url_for(password="no-such-secret")):
            pass
    assert "no-such-secret" not in f"{wrong.value}{wrong.value.hint}"


async def test_a_server_in_the_place_of_a_sentinel_is_told(watched: Watched) -> None:
    primary = watched.primary
    url = primary.url.replace("redis://", "redis+sentinel://").removesuffix("/0") + f"/{SERVICE}"
    with pytest.raises(ConfigError, match="its Sentinels"):
        async with open_redis(f"{url}?sentinel_password={watched.secret}"):
            pass


async def test_sentinels_that_are_away_are_unavailable(watched: Watched) -> None:
    with pytest.raises(BackendUnavailable, match="Sentinel") as away:
        async with open_redis(f"redis+sentinel://127.0.0.1:1,127.0.0.1:2/{SERVICE}"):
            pass
    assert away.value.exit_code == 5
