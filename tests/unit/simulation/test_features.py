from dataclasses import replace

import pytest

from chimera_cli.models.goal import GoalStatus
from chimera_cli.models.task import TaskStatus
from chimera_cli.simulation.evidence import Evidence, HeldLook, ModelJournal
from chimera_cli.simulation.features import (
    FEATURES,
    conflict_resolved,
    doubtful_result_held,
    failure_retried,
    goal_completed,
    killed_worker_replaced,
    malformed_answer_survived,
    most_at_once,
    nothing_posted_early,
    rate_limit_survived,
    roles_ended_in_order,
    sensitive_result_held,
    work_ran_in_parallel,
)
from tests.builders import a_goal
from tests.unit.simulation.good_run import good_run, moment, spoiled, step, tid, with_card, with_task, without


@pytest.mark.parametrize("check", FEATURES, ids=lambda check: check.__name__)
def test_a_good_run_passes(check) -> None:
    seen = check(good_run())
    assert seen.ok, seen.detail
    assert seen.detail


def test_a_goal_that_is_not_completed_is_told() -> None:
    assert goal_completed(replace(good_run(), goal=a_goal(status=GoalStatus.FAILED))).detail == "the goal is FAILED"


def test_work_one_after_the_other_is_not_parallel() -> None:
    only = [e for e in good_run().events if e.task_id == tid("flaky")]
    assert work_ran_in_parallel(replace(good_run(), events=only)).detail == "never more than 1 task at once"


def test_runs_that_only_touch_are_not_parallel() -> None:
    runs = [
        step("tally-1", 1, "started", TaskStatus.RUNNING),
        step("tally-1", 2, "completed", TaskStatus.COMPLETED),
        step("tally-2", 2, "started", TaskStatus.RUNNING),
        step("tally-2", 3, "completed", TaskStatus.COMPLETED),
    ]
    assert most_at_once(replace(good_run(), events=runs)) == 1
    assert most_at_once(replace(good_run(), events=[*runs[:1], runs[2], runs[1], runs[3]])) == 1
    early = runs[2].model_copy(update={"at": moment(1.9)})
    assert most_at_once(replace(good_run(), events=[runs[0], early, runs[1], runs[3]])) == 2


@pytest.mark.parametrize(
    ("check", "bad", "said"),
    [
        (conflict_resolved, without("tally-2", "conflicted"), "no conflict happened"),
        (conflict_resolved, with_task("tally-2", status=TaskStatus.FAILED), "tally-2 met a conflict"),
        (conflict_resolved, with_task("tally-1", status=TaskStatus.FAILED), "the tally stands at 2 after 1 tally task"),
        (failure_retried, without("flaky", "delayed"), "no task failed"),
        (failure_retried, with_task("flaky", attempts=1), "no task failed"),
        (failure_retried, with_task("flaky", status=TaskStatus.FAILED), "no task failed"),
        (rate_limit_survived, replace(good_run(), journal=ModelJournal(served=3)), "no answer of the model was 429"),
        (rate_limit_survived, with_task("draft", status=TaskStatus.FAILED), "draft is FAILED"),
        (malformed_answer_survived, replace(good_run(), journal=ModelJournal(served=3)), "was malformed"),
        (malformed_answer_survived, replace(good_run(), journal=ModelJournal(malformed=1)), "no good answer"),
        (killed_worker_replaced, replace(good_run(), killed=None), "no worker was killed"),
        (killed_worker_replaced, without("hostage", "taken_over"), "its task was not taken over"),
        (killed_worker_replaced, spoiled("hostage", "started", agent="a1"), "no other worker ran its task"),
        (killed_worker_replaced, with_task("hostage", status=TaskStatus.FAILED), "its task was not finished"),
        (doubtful_result_held, with_card("publish", decided_by="somebody"), "no result of low confidence"),
        (sensitive_result_held, with_card("draft", decided_by=None), "no sensitive result"),
        (roles_ended_in_order, replace(good_run(), exits={"judge": -9}), "judge ended with exit code -9"),
        (roles_ended_in_order, replace(good_run(), exits={}), "no role was asked to end"),
        (nothing_posted_early, replace(good_run(), looks=[]), "no held result was put into the outbox"),
    ],
)
def test_what_was_not_shown_is_told(check, bad: Evidence, said: str) -> None:
    seen = check(bad)
    assert not seen.ok
    assert said in seen.detail


def test_a_card_of_good_confidence_without_findings_shows_neither() -> None:
    good = good_run()
    calm = good.cards[1].judgement.verdict.model_copy(update={"confidence": 0.8})
    cards = [
        c.model_copy(update={"judgement": c.judgement.model_copy(update={"verdict": calm})}) for c in good.cards[1:]
    ]
    assert not doubtful_result_held(replace(good, cards=cards)).ok
    assert not sensitive_result_held(replace(good, cards=cards)).ok


def test_a_post_in_the_outbox_while_its_result_is_held_is_found() -> None:
    early = HeldLook(held=(tid("publish"),), posted=(f"{tid('publish')}:execute",))
    assert (
        nothing_posted_early(replace(good_run(), looks=[early])).detail
        == "publish was put into the outbox while it was held"
    )
