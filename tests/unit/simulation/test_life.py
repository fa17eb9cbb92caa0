from datetime import timedelta

from chimera_cli.models.simulation import LifeLine
from chimera_cli.models.task import TaskStatus
from chimera_cli.simulation.life import LONGEST_REASON, Mark, life_of
from tests.builders import NOON
from tests.unit.simulation.good_run import done, good_run, moment, step, tid, write


def told(*events, marks=(), homes=None) -> list[LifeLine]:
    tasks = [done("flaky", "sim.flaky"), done("draft", "content.draft")]
    return list(life_of(events, marks, tasks=tasks, homes=homes or {}, since=NOON))


def test_events_and_marks_are_told_in_the_order_of_time() -> None:
    events = [step("flaky", 1, "queued", TaskStatus.QUEUED), step("flaky", 3, "failed", TaskStatus.FAILED)]
    lines = told(*events, marks=[Mark(at=moment(2), who="simulation", what="killed worker-1", task_id=tid("draft"))])
    assert [(line.at_s, line.who, line.task, line.what) for line in lines] == [
        (1.0, "swarm", "flaky", "queued"),
        (2.0, "simulation", "draft", "killed worker-1"),
        (3.0, "swarm", "flaky", "failed"),
    ]


def test_an_agent_is_told_by_its_process_and_an_operator_by_name() -> None:
    started = step("flaky", 1, "started", TaskStatus.RUNNING, agent="abcdef")
    approved = step("draft", 2, "approved", TaskStatus.APPROVED, agent="ana")
    assert [line.who for line in told(started, approved, homes={"abcdef": "worker-2"})] == ["worker-2/abcd", "ana"]


def test_a_start_tells_phase_attempt_and_generation() -> None:
    (line,) = told(step("flaky", 1, "started", TaskStatus.RUNNING, generation=3, attempts=2))
    assert line.what == "started: propose, attempt 2, generation 3"


def test_a_commit_tells_the_new_version() -> None:
    (line,) = told(step("flaky", 1, "completed", TaskStatus.COMPLETED, changes=write("tally", 4, 5)))
    assert line.what == "completed: tally is at version 5"


def test_a_held_result_tells_why_and_long_reasons_are_cut() -> None:
    reasons = {"judgement": {"decision": {"reasons": ["low", "x" * 500]}}}
    (line,) = told(step("draft", 1, "held", TaskStatus.NEEDS_REVIEW, data=reasons))
    assert line.what.startswith("held (low; xxx")
    assert len(line.what) < LONGEST_REASON + 20


def test_events_of_one_moment_keep_their_order() -> None:
    at_once = [event.model_copy(update={"at": NOON + timedelta(seconds=1)}) for event in good_run().events[:5]]
    assert [line.what.split(":")[0] for line in told(*at_once)] == [
        event.name.removeprefix("task.") for event in at_once
    ]
