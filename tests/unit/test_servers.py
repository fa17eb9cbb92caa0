"""The fixtures themselves: what they promise to every other test."""

import psycopg
import pytest
from redis import Redis
from redis.cluster import RedisCluster

pytestmark = pytest.mark.integration


def test_the_redis_is_real(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        assert client.ping()


def test_the_database_is_real(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("off",)


@pytest.mark.cluster
def test_the_cluster_has_three_nodes_that_share_all_slots(cluster_url: str) -> None:
    client = RedisCluster.from_url(cluster_url, decode_responses=True)
    try:
        assert len(client.get_primaries()) == 3
        for key in ("a", "b", "c", "d", "e", "f"):
            assert client.set(f"test_servers:{key}", key)
    finally:
        client.close()


def test_a_fresh_database_is_migrated_and_empty(fresh_database: str) -> None:
    with psycopg.connect(fresh_database) as connection:
        assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM goals").fetchone() == (0,)
