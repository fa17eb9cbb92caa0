from dataclasses import replace
from datetime import timedelta

import pytest

from chimera_cli.models.result import VersionedValue
from chimera_cli.models.task import TaskStatus
from chimera_cli.simulation.delivery_checks import (
    abandoned_work_runs_again,
    one_effect_a_phase,
    one_live_lease,
    retries_wait,
    versions_count_commits,
    waited_for_takeover,
)
from chimera_cli.simulation.evidence import Evidence
from tests.unit.simulation.good_run import good_run, moment, spoiled, step, tid, with_event, with_task, without, write


def test_a_start_without_a_higher_generation_is_found() -> None:
    bad = spoiled("tally-2", "started", generation=1)
    assert "tally-2 was started with the generations [1, 1]" in one_live_lease(bad).detail


def test_an_answer_from_another_claim_than_the_live_one_is_found() -> None:
    check = one_live_lease(spoiled("tally-1", "completed", agent="somebody else"))
    assert check.detail == "tally-1: task.completed came from another claim than the live one"
    assert not one_live_lease(spoiled("tally-1", "completed", generation=0)).ok


def test_a_second_completion_is_found() -> None:
    bad = with_event(step("flaky", 9, "completed", TaskStatus.COMPLETED))
    assert one_effect_a_phase(bad).detail == "flaky has 2 times task.completed"


def test_a_second_commit_of_one_approval_is_found() -> None:
    again = step("draft", 9, "approved", TaskStatus.APPROVED, changes=write("draft", 1, "b"))
    bad = replace(spoiled("draft", "approved", changes=write("draft", 0, "a")))
    bad = replace(bad, events=[*bad.events, again])
    assert one_effect_a_phase(bad).detail == "draft has 2 times task.approved"


def test_a_post_that_stands_twice_is_found() -> None:
    good = good_run()
    assert "was posted 2 times" in one_effect_a_phase(replace(good, posts=[*good.posts, *good.posts])).detail


def test_an_execution_without_its_post_and_a_post_without_execution_are_found() -> None:
    assert one_effect_a_phase(replace(good_run(), posts=[])).detail == "publish is executed or posted, and not both"
    stray = {"idempotency_key": f"{tid('draft')}:execute", "post": "password"}
    good = good_run()
    assert not one_effect_a_phase(replace(good, posts=[*good.posts, stray])).ok


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (spoiled("tally-2", "completed", changes=write("tally", 0, 2)), "committed on the versions [0, 0]"),
        (replace(good_run(), state={"tally": VersionedValue(value=2, version=3)}), "2 commits and version 3"),
        (replace(good_run(), state={}), "2 commits and version none"),
        (replace(good_run(), state={"tally": VersionedValue(value=7, version=2)}), "does not hold what was committed"),
        (with_task("tally-2", status=TaskStatus.FAILED), "the tally stands at 2 after 1 tally task"),
    ],
)
def test_a_version_that_does_not_count_commits_is_found(bad: Evidence, said: str) -> None:
    check = versions_count_commits(bad)
    assert not check.ok
    assert said in check.detail


def test_abandoned_work_that_never_runs_again_is_found() -> None:
    good = good_run()
    taken = next(event for event in good.events if event.name == "task.taken_over")
    kept = [e for e in good.events if e.task_id != taken.task_id or e.version <= taken.version]
    assert abandoned_work_runs_again(replace(good, events=kept)).detail == "hostage was abandoned and did not run again"


def test_a_takeover_later_than_lease_and_a_second_is_found() -> None:
    assert abandoned_work_runs_again(good_run()).ok
    late = spoiled("hostage", "taken_over", at=moment(6.1))
    assert abandoned_work_runs_again(late).detail == "hostage waited 4.1 s to be taken over"


def test_a_takeover_may_be_as_late_as_the_machine_let_processes_wait() -> None:
    late = spoiled("hostage", "taken_over", at=moment(6.1))
    assert abandoned_work_runs_again(replace(late, stall=timedelta(seconds=0.2))).ok
    assert not abandoned_work_runs_again(replace(late, stall=timedelta(seconds=0.05))).ok


def test_the_wait_for_a_takeover_is_known_only_for_killed_workers() -> None:
    good = good_run()
    taken = next(event for event in good.events if event.name == "task.taken_over")
    assert waited_for_takeover(good, taken) == timedelta(seconds=3)
    assert waited_for_takeover(replace(good, killed=None), taken) is None


def test_a_retry_before_its_time_is_found() -> None:
    good = good_run()
    early = [
        e.model_copy(update={"at": moment(3.1)})
        if (e.name, e.task_id, e.version) == ("task.queued", tid("flaky"), 4)
        else e
        for e in good.events
    ]
    assert retries_wait(good).ok
    assert "came back 1.90 s after attempt 1, 2 s were due" in retries_wait(replace(good, events=early)).detail


def test_a_wait_that_costs_no_attempt_may_be_short() -> None:
    bad = spoiled("flaky", "started", attempts=1)
    assert retries_wait(bad).detail == "none"


def test_a_takeover_that_is_missing_from_the_events_is_no_takeover() -> None:
    assert abandoned_work_runs_again(without("hostage", "taken_over")).detail == "0 tasks taken over"
