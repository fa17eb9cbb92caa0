import pytest
from redis.crc import key_slot

from chimera_cli.adapters.keys import SLOTS, Keys, slot


def test_a_single_shard_is_named_after_its_namespace() -> None:
    assert Keys("default").shard(0) == "{chimera:default:0}"
    assert Keys("default").fleet == "{chimera:default}"


@pytest.mark.parametrize("shards", [1, 2, 3, 5, 16, 64])
def test_each_shard_has_its_slot_in_a_part_of_its_own(shards: int) -> None:
    tags = [Keys("a swarm", shards).shard(index) for index in range(shards)]
    assert [slot(tag[1:-1]) * shards // SLOTS for tag in tags] == list(range(shards))
    assert all(tag[1:-1].split(":")[:3] == ["chimera", "a swarm", str(index)] for index, tag in enumerate(tags))


def test_slots_are_those_of_redis() -> None:
    assert [slot(text) for text in ("", "chimera:x:0", "é")] == [
        key_slot(text.encode()) for text in ("", "chimera:x:0", "é")
    ]
