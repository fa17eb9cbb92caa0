from datetime import UTC, datetime

from chimera_cli.adapters.health_recovery import NAMED, loss_check, posts_check, vouched_check
from chimera_cli.models.recovery import Loss, Recovery

AT = datetime(2026, 1, 1, tzinfo=UTC)


def test_shards_that_stand_still_are_a_warning_and_no_failure() -> None:
    check = vouched_check([1], 4)
    assert (check.ok, check.warn) == (True, True)
    assert "1 of 4 shards stand still" in check.detail
    assert check.mend
    assert not vouched_check([], 4).warn


def test_a_swarm_that_never_had_work_is_not_warned_of_shards_that_stand_still() -> None:
    check = vouched_check([0, 1], 2, fresh=True)
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
