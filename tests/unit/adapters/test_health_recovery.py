from datetime import UTC, datetime

from chimera_cli.adapters.health_recovery import NAMED, compared_check, loss_check, posts_check
from chimera_cli.models.epoch import ShardRecord
from chimera_cli.models.recovery import Loss, Recovery, Survey

AT = datetime(2026, 1, 1, tzinfo=UTC)


def surveys(standing: set[int], shards: int) -> dict[int, Survey]:
    return {shard: Survey(vouched=shard not in standing, run="r1", epoch=1) for shard in range(shards)}


def test_a_redis_that_the_swarm_has_left_for_another_is_a_failure_with_a_cure() -> None:
    check = compared_check(surveys(set(), 2), {0: ShardRecord(epoch=1, run="r1"), 1: ShardRecord(epoch=2, run="r2")})
    assert not check.ok
    assert "shard 1" in check.detail
    assert "chimera db adopt" in check.mend


def test_shards_that_stand_still_are_a_warning_and_no_failure() -> None:
    check = compared_check(surveys({1}, 4), {})
    assert (check.ok, check.warn) == (True, True)
    assert "1 of 4 shards stand still" in check.detail
    assert check.mend
    assert not compared_check(surveys(set(), 4), {}).warn


def test_a_swarm_that_never_had_work_is_not_warned_of_shards_that_stand_still() -> None:
    check = compared_check(surveys({0, 1}, 2), {}, fresh=True)
    assert (check.ok, check.warn, check.mend) == (True, False, "")


def test_what_was_lost_is_told_with_its_count() -> None:
    check = loss_check(Recovery(at=AT, shard=0, cause=Loss.EMPTIED, dispatched=2, restored=3))
    assert (check.ok, check.warn) == (True, True)
    assert check.detail == "2026-01-01T00:00:00Z: Redis had lost everything: 5 tasks were put back"
    assert not loss_check(None).warn
    assert not loss_check(Recovery(at=AT, shard=0, cause=Loss.RESTARTED)).warn


def test_completed_tasks_whose_posts_are_lost_are_named() -> None:
    assert not posts_check([]).warn
    check = posts_check([f"t{n}" for n in range(NAMED + 1)])
    assert (check.ok, check.warn) == (True, True)
    assert check.detail.endswith("t0, t1, t2, t3, t4 and more")
