import math

import pytest

from chimera_cli.models.identity import canonical_json, content_digest, goal_id_for, shard_of, task_id


def test_a_task_id_depends_on_goal_and_key_only() -> None:
    assert task_id("g", "k") == task_id("g", "k")
    assert len({task_id("g", "k"), task_id("g", "k2"), task_id("g2", "k")}) == 3


def test_the_same_idempotency_key_names_the_same_goal() -> None:
    assert goal_id_for("monday") == goal_id_for("monday") != goal_id_for("tuesday")


def test_goals_spread_over_all_shards() -> None:
    assert {shard_of(f"goal-{n}", 3) for n in range(50)} == {0, 1, 2}


def test_canonical_json_has_one_spelling() -> None:
    assert canonical_json({"b": 1, "a": "ü"}) == '{"a":"\\u00fc","b":1}'


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_canonical_json_refuses_what_json_has_no_word_for(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical_json(value)


BOUND = ("task", {"n": 1}, "post", "p1", "r1")


@pytest.mark.parametrize("place", range(5))
def test_a_digest_binds_every_part(place: int) -> None:
    changed = [*BOUND]
    changed[place] = "another"
    assert content_digest(*changed) != content_digest(*BOUND)
