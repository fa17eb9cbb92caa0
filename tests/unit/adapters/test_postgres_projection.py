"""What events mean for the record, without a database."""

from datetime import UTC, datetime
from typing import Any

from chimera_cli.adapters.postgres_projection import Ends, Projection, TaskMark, project
from chimera_cli.models.event import TaskEvent
from chimera_cli.models.result import StateChange
from chimera_cli.models.task import Phase, TaskStatus

NEW = {"t": TaskMark("g", TaskStatus.PENDING, 0)}


def event(version: int, status: TaskStatus, name: str, **fields: Any) -> TaskEvent:
    values: dict[str, Any] = {
        "shard": 0,
        "entry_id": f"{version}-0",
        "at": datetime(2026, 3, 1, tzinfo=UTC),
        "name": name,
        "task_id": "t",
        "goal_id": "g",
        "status": status,
        "phase": Phase.PROPOSE,
        "version": version,
        "generation": 1,
        "attempts": 1,
    }
    return TaskEvent(**{**values, **fields})


def test_the_last_event_counts_and_earlier_ones_leave_output_and_agent() -> None:
    events = [
        event(1, TaskStatus.RUNNING, "task.started", agent="w-1"),
        event(2, TaskStatus.JUDGING, "task.judging", output={"a": 1}),
        event(3, TaskStatus.APPROVED, "task.approved", agent="j-1"),
        event(4, TaskStatus.RUNNING, "task.given_back"),
    ]
    move = project(NEW, events).moves["t"]
    assert (move.event.version, move.agent, move.has_output, move.output) == (4, "j-1", True, {"a": 1})


def test_a_batch_without_a_result_leaves_the_output_alone() -> None:
    move = project(NEW, [event(1, TaskStatus.RUNNING, "task.started", output="stray")]).moves["t"]
    assert not move.has_output


def test_only_a_troubled_task_says_why() -> None:
    troubled = project(NEW, [event(1, TaskStatus.DELAYED, "task.delayed", error="no network")]).moves["t"]
    revised = project(NEW, [event(1, TaskStatus.QUEUED, "task.revised", error="too long")]).moves["t"]
    assert (troubled.values()["error"], revised.values()["error"]) == ("no network", "")


def test_events_of_unknown_tasks_and_of_other_goals_change_nothing() -> None:
    change = (StateChange(key="k", expected=0, value=1),)
    strangers = [
        event(1, TaskStatus.COMPLETED, "task.completed", task_id="x", changes=change),
        event(1, TaskStatus.COMPLETED, "task.completed", goal_id="x", changes=change),
    ]
    projection = project(NEW, strangers)
    assert projection == Projection()


def test_a_stale_event_changes_no_status_but_its_commit_counts() -> None:
    known = {"t": TaskMark("g", TaskStatus.QUEUED, 5)}
    stale = event(3, TaskStatus.COMPLETED, "task.completed", changes=(StateChange(key="k", expected=0, value=1),))
    projection = project(known, [stale])
    assert projection.moves == {}
    assert projection.ended == []
    assert list(projection.commits) == [("g", "k")]


def test_nothing_follows_an_end() -> None:
    events = [event(1, TaskStatus.FAILED, "task.failed"), event(2, TaskStatus.COMPLETED, "task.completed")]
    projection = project(NEW, events)
    assert projection.ends == {"g": Ends(failed=1)}
    assert projection.ended == ["t"]


def test_ends_are_counted_by_goal_and_kind() -> None:
    ends = (TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.REJECTED, TaskStatus.CANCELLED)
    marks = {status: TaskMark("g", TaskStatus.RUNNING, 0) for status in ends}
    projection = project(marks, [event(1, status, "task.ended", task_id=status) for status in ends])
    assert projection.ends == {"g": Ends(finished=1, failed=2, cancelled=1)}


def test_of_several_commits_to_a_key_the_newest_counts() -> None:
    def commit(version: int, expected: int) -> TaskEvent:
        return event(
            version,
            TaskStatus.RUNNING,
            "task.merged",
            changes=(StateChange(key="k", expected=expected, value=expected),),
        )

    projection = project(NEW, [commit(1, 4), commit(2, 5), commit(3, 2)])
    assert [change.expected for _, change in projection.commits.values()] == [5]


def test_only_a_conflict_that_makes_the_result_anew_is_noted() -> None:
    events = [
        event(1, TaskStatus.QUEUED, "task.conflicted", phase=Phase.MERGE),
        event(2, TaskStatus.QUEUED, "task.conflicted"),
    ]
    assert [conflict.version for conflict in project(NEW, events).conflicted] == [2]
