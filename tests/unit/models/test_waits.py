import pytest

from chimera_cli.models.event import TaskEvent
from chimera_cli.models.release import NOT_VOUCHED, UNVOUCHED_CURE
from chimera_cli.models.task import Phase, TaskStatus
from chimera_cli.models.unserved import CURE, KEY_CURE
from chimera_cli.models.waits import waits_of
from tests.builders import NOON, a_task
from tests.unit.models.test_unserved import member

KEYLESS = [member(None, key=False)]
FALSE = {"unserved": False, "unexecuted": False, "unvouched": False}
APPROVED = a_task().model_copy(update={"status": TaskStatus.APPROVED, "phase": Phase.EXECUTE})
QUEUED = a_task().model_copy(update={"status": TaskStatus.QUEUED})


def step(name: str, error: str = "") -> TaskEvent:
    own = {"shard": 0, "entry_id": "1-0", "at": NOON, "task_id": APPROVED.id, "goal_id": APPROVED.goal_id}
    counts = {"version": 1, "generation": 1, "attempts": 1}
    return TaskEvent(**own, **counts, name=name, status=TaskStatus.APPROVED, phase=Phase.EXECUTE, error=error)


def test_an_approved_task_waits_for_the_key_and_says_so_with_the_cure() -> None:
    waits = waits_of(APPROVED, [], KEYLESS)
    assert waits.flags == {**FALSE, "unexecuted": True}
    kind = APPROVED.kind
    said = f"1 approved task of kind {kind} waits, no live worker for it has CHIMERA_APPROVAL_KEY; {KEY_CURE}"
    assert waits.sentences == (said,)


def test_a_task_of_which_nobody_claims_the_kind_waits_for_a_worker_alone() -> None:
    for task in (QUEUED, APPROVED):
        waits = waits_of(task, [], [member(("other",), key=False)])
        assert waits.flags == {**FALSE, "unserved": True}
        assert [CURE in sentence for sentence in waits.sentences] == [True]


@pytest.mark.parametrize("phase", [Phase.PROPOSE, Phase.MERGE])
def test_other_phases_need_no_key(phase: Phase) -> None:
    assert waits_of(APPROVED.model_copy(update={"phase": phase}), [], KEYLESS).flags == FALSE


def test_without_redis_it_is_not_known_and_what_does_not_wait_is_not_asked_for() -> None:
    assert waits_of(APPROVED, [], None).flags == {**FALSE, "unserved": None, "unexecuted": None}
    assert waits_of(QUEUED, [], None).flags == {**FALSE, "unserved": None}
    assert waits_of(APPROVED.model_copy(update={"status": TaskStatus.RUNNING}), [], None).flags == FALSE


def test_a_task_that_the_last_worker_did_not_vouch_for_says_so_also_when_its_delay_is_over() -> None:
    doubt = step("task.delayed", f"{NOT_VOUCHED}: another key")
    told = [step("task.approved"), doubt, step("task.queued"), step("task.started")]
    for status in (TaskStatus.DELAYED, TaskStatus.APPROVED):
        waits = waits_of(APPROVED.model_copy(update={"status": status}), told, [member(None)])
        assert waits.flags == {**FALSE, "unvouched": True}
        assert waits.sentences == (f"{NOT_VOUCHED}; {UNVOUCHED_CURE}",)
    assert not waits_of(APPROVED, [*told, step("task.approved")], []).unvouched
    assert not waits_of(APPROVED, [step("task.delayed", "a server was away")], []).unvouched
    assert not waits_of(APPROVED.model_copy(update={"status": TaskStatus.CANCELLED}), told, []).unvouched
