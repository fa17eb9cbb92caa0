from dataclasses import replace

from chimera_cli.models.delivery import QueueCounts
from chimera_cli.models.goal import Ledger
from chimera_cli.models.task import TaskStatus
from chimera_cli.simulation.record_checks import (
    every_step_is_an_event,
    ledger_adds_up,
    no_secret_leaks,
    queues_are_empty,
)
from tests.unit.simulation.good_run import good_run, spoiled, with_task, without


def test_a_ledger_that_does_not_add_up_is_found() -> None:
    bad = replace(good_run(), ledger=Ledger(submitted=7, finished=6))
    assert "the ledger does not add up: 7 submitted = 6 finished" in ledger_adds_up(bad).detail


def test_a_ledger_that_adds_up_and_contradicts_the_events_is_found() -> None:
    bad = replace(good_run(), ledger=Ledger(submitted=6, finished=5, failed=1))
    assert "the events say 6 submitted = 6 finished + 0 failed" in ledger_adds_up(bad).detail


def test_a_task_that_no_event_tells_of_counts_as_live() -> None:
    good = good_run()
    lost = replace(good, events=[e for e in good.events if good.key(e.task_id) != "flaky"])
    assert "5 finished + 0 failed + 0 cancelled + 1 live" in ledger_adds_up(lost).detail


def test_anything_left_in_a_queue_is_found() -> None:
    assert queues_are_empty(replace(good_run(), queues=QueueCounts(waiting=2, to_judge=1))).detail == (
        "2 waiting; 1 to_judge"
    )
    assert queues_are_empty(replace(good_run(), undispatched=3)).detail == "3 undispatched"


def test_a_missing_event_is_found() -> None:
    good = good_run()
    gap = replace(good, events=[e for e in good.events if (good.key(e.task_id), e.version) != ("flaky", 3)])
    assert "flaky has the event versions [1, 2, 4, 5, 6]" in every_step_is_an_event(gap).detail


def test_a_step_that_the_table_forbids_is_found() -> None:
    assert every_step_is_an_event(without("tally-1", "started")).detail == "tally-1 went from QUEUED to COMPLETED"


def test_a_record_that_contradicts_the_last_event_is_found() -> None:
    bad = with_task("flaky", status=TaskStatus.FAILED)
    assert every_step_is_an_event(bad).detail == "flaky is FAILED in the record and COMPLETED by its events"


def test_events_of_an_unknown_task_are_found() -> None:
    bad = spoiled("tally-1", "queued", task_id="f" * 20)
    assert f"{'f' * 20} has events and is no task of the goal" in every_step_is_an_event(bad).detail


def test_a_place_with_a_secret_is_named() -> None:
    assert no_secret_leaks(replace(good_run(), leaks=["worker-1.err.log"])).detail == (
        "a secret stands in worker-1.err.log"
    )


def test_a_search_that_looked_nowhere_proves_nothing() -> None:
    assert not no_secret_leaks(replace(good_run(), read=0)).ok
