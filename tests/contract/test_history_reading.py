"""What the history checker reads of Redis: every key of one swarm and of no other, on a single server and on a cluster."""

from itertools import count

import pytest
from redis import Redis, RedisCluster

from chimera_cli.simulation.history.redis_reading import read_keys

NUMBERS = count(1)


@pytest.mark.integration
def test_every_key_of_one_swarm_is_read_with_its_size(redis_url: str) -> None:
    name = f"reading-{next(NUMBERS)}"
    with Redis.from_url(redis_url, decode_responses=True) as client:
        check_reading(client, redis_url, name)


@pytest.mark.cluster
def test_every_key_on_any_node_of_a_cluster_is_read(cluster_url: str) -> None:
    client = RedisCluster.from_url(cluster_url, decode_responses=True)
    try:
        check_reading(client, cluster_url, f"reading-{next(NUMBERS)}")
    finally:
        client.close()


def check_reading(client: Redis | RedisCluster, url: str, name: str) -> None:
    client.set(f"{{chimera:{name}}}:shards", 2)
    client.hset(f"{{chimera:{name}:1}}:t:abc", mapping={"status": "QUEUED", "gen": 1})
    client.xadd(f"{{chimera:{name}:0}}:out", {"name": "task.queued"})
    client.xgroup_create(f"{{chimera:{name}:0}}:out", "g", "0")
    client.xreadgroup("g", "somebody", {f"{{chimera:{name}:0}}:out": ">"})
    client.set(f"{{chimera:{name}0}}:shards", 1)
    keys = {(key.shard, key.suffix): key for key in read_keys(url, name)}
    assert keys.keys() == {(None, "shards"), (1, "t:abc"), (0, "out")}
    assert [keys[place].kind for place in sorted(keys, key=str)] == ["stream", "hash", "string"]
    assert keys[1, "t:abc"].size == 2
    assert "QUEUED" in keys[1, "t:abc"].text
    assert (keys[0, "out"].size, keys[0, "out"].pending, keys[0, "out"].consumers) == (1, 1, 1)
