from datetime import UTC, datetime, timedelta

import pytest

from chimera_cli.models.epoch import IN_USE, ShardRecord
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
    record = ShardRecord(reached=recorded)
    assert Survey(vouched=False, run="r", newest=newest).behind(record) is behind
    assert Survey(vouched=False, run="r", newest=newest, rebuilding=True).behind(record)


RECORD = ShardRecord(epoch=5, run="new", seen=timedelta(seconds=1))
UNUSED = RECORD.model_copy(update={"seen": IN_USE})


@pytest.mark.parametrize(
    ("survey", "record", "replaced"),
    [
        (Survey(vouched=True, run="new", epoch=5), RECORD, False),
        (Survey(vouched=True, run="old", epoch=4), RECORD, True),
        (Survey(vouched=True, run="old", epoch=4), UNUSED, True),
        (Survey(vouched=False, run="old", epoch=4, deposed=True), UNUSED, True),
        (Survey(vouched=False, run="old", epoch=4), RECORD, True),
        (Survey(vouched=False, run="old", epoch=4), UNUSED, False),
        (Survey(vouched=False, run="next", epoch=5), RECORD, False),
        (Survey(vouched=False, run="empty", epoch=0), RECORD, False),
        (Survey(vouched=False, run="new", epoch=4), RECORD, False),
        (Survey(vouched=True, run="old", epoch=6), RECORD, False),
        (Survey(vouched=True, run="old", epoch=0), ShardRecord(), False),
    ],
)
def test_a_server_was_replaced_when_it_goes_on_in_an_older_epoch_or_would_while_another_one_is_in_use(
    survey: Survey, record: ShardRecord, replaced: bool
) -> None:
    assert survey.replaced(record) is replaced


@pytest.mark.parametrize(("run", "epoch", "other"), [("old", 4, True), ("new", 4, False), ("old", 5, False)])
def test_another_story_may_have_been_told_by_another_server_of_an_older_epoch(
    run: str, epoch: int, other: bool
) -> None:
    survey = Survey(vouched=False, run=run, newest="9-0", epoch=epoch)
    assert survey.diverged(RECORD) is other
    assert survey.behind(RECORD) is other


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
