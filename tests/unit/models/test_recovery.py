from datetime import UTC, datetime, timedelta

import pytest

from chimera_cli.models.recovery import Loss, Mark, Recovery, Survey, together

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("newest", "recorded", "behind"),
    [
        ("", "", False),
        ("5-0", "", False),
        ("", "5-0", True),
        ("5-9", "5-10", True),
        ("10-0", "9-0", False),
        ("5-1", "5-1", False),
    ],
)
def test_a_shard_is_behind_when_it_never_had_the_newest_recorded_event(
    newest: str, recorded: str, behind: bool
) -> None:
    assert Survey(vouched=False, run="r", newest=newest).behind(recorded) is behind
    assert Survey(vouched=False, run="r", newest=newest, rebuilding=True).behind(recorded)


@pytest.mark.parametrize(("recorded", "there", "lost"), [(0, -1, True), (3, 2, True), (3, 3, False), (3, 4, False)])
def test_a_task_is_lost_when_the_queue_knows_less_of_it(recorded: int, there: int, lost: bool) -> None:
    assert Mark(task_id="t", goal_id="g", version=recorded).lost(there) is lost


def test_what_one_interruption_did_to_several_shards_is_one_recovery() -> None:
    last = Recovery(at=AT, shard=1, cause=Loss.RESTARTED, decisions=1)
    same = Recovery(at=AT - timedelta(seconds=2), shard=0, cause=Loss.EMPTIED, restored=4)
    before = Recovery(at=AT - timedelta(hours=1), shard=0, cause=Loss.BEHIND, restored=9)
    found = together([last, same, before])
    assert found
    assert (found.at, found.cause, found.restored, found.decisions) == (AT, Loss.EMPTIED, 4, 1)
    assert found.sentence == (
        "Redis had lost everything: 4 tasks were put back, 1 decisions or orders are carried out once more"
    )
    assert together([]) is None


def test_a_harmless_restart_does_not_hide_a_loss_before_it() -> None:
    harmless = Recovery(at=AT, shard=0, cause=Loss.RESTARTED)
    lost = Recovery(at=AT - timedelta(hours=2), shard=0, cause=Loss.EMPTIED, restored=4)
    assert together([harmless, lost]) == lost
    assert together([harmless]) == harmless
