"""tasks cancel|retry and goals pause|resume|cancel, against a swarm of plain Python."""

import json
from datetime import timedelta
from typing import Any

import pytest

from chimera_cli.models.effect import Effect
from chimera_cli.models.goal import Goal, GoalStatus
from chimera_cli.models.order import OrderAction
from chimera_cli.models.task import TaskStatus
from chimera_cli.ports.orders import Ordered
from tests.builders import NOON, a_goal, a_task
from tests.unit.cli.fakes import FakeBackend, FakeSwarm, run

HERE, THERE = "aaaa" + "1" * 16, "bbbb" + "2" * 16
STANDING = {
    "run": TaskStatus.RUNNING,
    "wait": TaskStatus.QUEUED,
    "done": TaskStatus.COMPLETED,
    "bad": TaskStatus.FAILED,
}


@pytest.fixture
def swarm() -> FakeSwarm:
    goals: dict[str, Goal] = {id: a_goal(id, counts={TaskStatus.RUNNING: 2}) for id in (HERE, THERE)}
    tasks = [a_task(key, goal=goal, status=status) for goal in goals for key, status in STANDING.items()]
    return FakeSwarm(goals_by_id=goals, tasks_by_id={task.id: task for task in tasks})


def id_of(key: str, goal: str = HERE) -> str:
    return a_task(key, goal=goal).id


def pause(swarm: FakeSwarm, *goals: str) -> None:
    for goal in goals:
        swarm.goals_by_id[goal] = a_goal(goal, counts={TaskStatus.RUNNING: 2}, paused_at=NOON, paused_by="ana")


def ordered(swarm: FakeSwarm) -> list[tuple[OrderAction, str]]:
    return [(order.action, order.task_id or order.goal_id) for order in swarm.ordered]


def test_a_task_is_cancelled_by_the_beginning_of_its_id_and_it_is_kept_who_and_why(swarm: FakeSwarm) -> None:
    words = ("tasks", "cancel", id_of("run")[:8], "--as", "ana", "--reason", "too dear", "--yes", "--json")
    (order,) = json.loads(run(*words, backend=FakeBackend(swarm)).stdout)["orders"]
    assert (order["task_id"], order["action"], order["operator"], order["reason"]) == (
        id_of("run"),
        "cancel",
        "ana",
        "too dear",
    )
    assert order["done_at"] is not None


@pytest.mark.parametrize(
    ("words", "intent"),
    [
        (["tasks", "cancel", id_of("run")], "cancel 1 task of 1 goal"),
        (["tasks", "cancel", "--status", "RUNNING"], "cancel 2 tasks of 2 goals"),
        (["tasks", "retry", "--status", "FAILED"], "retry 2 tasks of 2 goals"),
        (["goals", "cancel", HERE], "cancel 1 goal with 2 live tasks"),
        (["goals", "pause", HERE, THERE], "pause 2 goals with 4 live tasks"),
        (["goals", "resume", HERE, THERE], "resume 2 goals with 4 live tasks"),
    ],
)
def test_what_destroys_or_touches_many_says_how_many_and_wants_a_yes(
    swarm: FakeSwarm, words: list[str], intent: str
) -> None:
    if "resume" in words:
        pause(swarm, HERE, THERE)
    result = run(*words, backend=FakeBackend(swarm))
    assert result.exit_code == 8
    assert f"error: not confirmed: {intent}" in result.stderr
    assert "--yes" in result.stderr
    assert swarm.ordered == []
    agreed = run(*words, "-y", backend=FakeBackend(swarm))
    assert agreed.exit_code == 0
    assert intent in agreed.stderr
    assert swarm.ordered


@pytest.mark.parametrize(
    "words", [["tasks", "retry", id_of("bad")], ["goals", "pause", HERE], ["goals", "resume", HERE]]
)
def test_what_touches_one_and_can_be_undone_needs_no_yes(swarm: FakeSwarm, words: list[str]) -> None:
    if "resume" in words:
        pause(swarm, HERE)
    assert run(*words, backend=FakeBackend(swarm)).exit_code == 0
    assert len(swarm.ordered) == 1


def test_a_filter_chooses_live_tasks_only(swarm: FakeSwarm) -> None:
    run("tasks", "cancel", "--goal", "aaaa", "--yes", backend=FakeBackend(swarm))
    assert ordered(swarm) == [(OrderAction.CANCEL, id_of("run")), (OrderAction.CANCEL, id_of("wait"))]
    run("tasks", "cancel", "--goal", "aaaa", "--status", "queued", "--yes", backend=FakeBackend(swarm))
    assert len(swarm.ordered) == 3


@pytest.mark.parametrize("words", [["tasks", "cancel", "--goal", "aaaa"], ["goals", "pause", HERE, THERE]])
def test_a_dry_run_shows_what_would_be_touched_and_touches_nothing(swarm: FakeSwarm, words: list[str]) -> None:
    result = run(*words, "--dry-run", "--json", backend=FakeBackend(swarm))
    assert result.exit_code == 0
    (listed,) = json.loads(result.stdout).values()
    assert len(listed) == 2
    assert swarm.ordered == []


@pytest.mark.parametrize(
    ("words", "kept", "refused"),
    [
        (["goals", "pause", HERE, THERE], [THERE], f"goal {HERE} is ACTIVE and paused by ana and cannot be paused"),
        (["goals", "resume", HERE, THERE], [HERE], f"goal {THERE} is ACTIVE and not paused, and cannot be resumed"),
        (["tasks", "cancel", id_of("run"), id_of("done")], [id_of("run")], f"task {id_of('done')} is COMPLETED and"),
        (["tasks", "retry", id_of("bad"), id_of("wait")], [id_of("bad")], "is QUEUED and has not ended, and cannot"),
    ],
)
def test_a_dry_run_shows_only_what_would_change_and_names_the_rest(
    swarm: FakeSwarm, words: list[str], kept: list[str], refused: str
) -> None:
    pause(swarm, HERE)
    result = run(*words, "--dry-run", "--json", backend=FakeBackend(swarm))
    (listed,) = json.loads(result.stdout).values()
    assert [each["id"] for each in listed] == kept
    assert (result.exit_code, refused in json.loads(result.stderr)["error"]["message"]) == (4, True)


def test_a_goal_that_was_cancelled_or_a_task_of_one_is_not_counted(swarm: FakeSwarm) -> None:
    said = {"cancelled_at": NOON, "cancelled_by": "bob"}
    swarm.goals_by_id[HERE] = swarm.goals_by_id[HERE].model_copy(update=said)
    goals = run("goals", "cancel", HERE, THERE, backend=FakeBackend(swarm))
    assert "not confirmed: cancel 1 goal with 2 live tasks" in goals.stderr
    tasks = run("tasks", "retry", "--status", "FAILED", "--dry-run", backend=FakeBackend(swarm))
    assert (id_of("bad") in tasks.stdout, id_of("bad", THERE) in tasks.stdout) == (False, True)
    assert "CANCELLED by bob and cannot be worked on again" in tasks.stderr


def test_paused_goals_are_listed_by_themselves(swarm: FakeSwarm) -> None:
    pause(swarm, THERE)
    listed = json.loads(run("goals", "list", "--paused", "--json", backend=FakeBackend(swarm)).stdout)["goals"]
    assert [goal["id"] for goal in listed] == [THERE]
    assert run("goals", "list", "--paused", "--status", "FAILED", backend=FakeBackend(swarm)).stdout == ""


def test_a_choice_that_is_none_is_told_as_what_it_is(swarm: FakeSwarm) -> None:
    assert "error: no tasks are chosen" in run("tasks", "cancel", backend=FakeBackend(swarm)).stderr
    live = run("tasks", "retry", "--status", "QUEUED", backend=FakeBackend(swarm))
    assert "error: QUEUED tasks did not end badly" in live.stderr


def test_nobody_is_asked_when_nothing_would_change(swarm: FakeSwarm) -> None:
    for goal in (HERE, THERE):
        swarm.goals_by_id[goal] = a_goal(goal, status=GoalStatus.FAILED)
    refused = run("goals", "cancel", HERE, THERE, backend=FakeBackend(swarm))
    assert refused.exit_code == 4
    assert "not confirmed" not in refused.stderr
    empty = run("tasks", "cancel", "--goal", HERE, "--status", "COMPLETED", backend=FakeBackend(swarm))
    assert (empty.exit_code, empty.stderr) == (0, "nothing to cancel: 0 tasks fit\n")


def test_several_failures_are_one_json_object_and_the_lowest_exit_code_wins(swarm: FakeSwarm) -> None:
    words = ["tasks", "cancel", id_of("done"), "ffff", id_of("run"), "--yes"]
    result = run(*words, "--json", backend=FakeBackend(swarm))
    error = json.loads(result.stderr)["error"]
    assert (result.exit_code, error["exit_code"], error["code"]) == (3, 3, "not_found")
    assert [each["exit_code"] for each in error["errors"]] == [3, 4]
    lines = run(*words, backend=FakeBackend(swarm)).stderr.splitlines()
    assert [line.partition(":")[0] for line in lines[-4:]] == ["error", "error", "", "hint"]


@pytest.mark.parametrize(
    "words",
    [
        ["tasks", "cancel"],
        ["tasks", "cancel", id_of("run"), "--goal", "aaaa"],
        ["tasks", "retry", id_of("bad"), "--status", "FAILED"],
        ["tasks", "retry", "--goal", "aaaa"],
        ["tasks", "retry", "--status", "RUNNING"],
        ["tasks", "cancel", "--status", "nonsense"],
        ["goals", "pause"],
        ["goals", "pause", HERE, "--as", "a\nb"],
    ],
)
def test_ids_and_a_filter_together_neither_or_nonsense_are_a_usage_error(swarm: FakeSwarm, words: list[str]) -> None:
    assert run(*words, "--yes", backend=FakeBackend(swarm)).exit_code == 2
    assert swarm.ordered == []


def test_one_that_is_in_the_wrong_state_or_unknown_does_not_stop_the_others(swarm: FakeSwarm) -> None:
    result = run("tasks", "cancel", id_of("done"), id_of("run"), "--yes", "--json", backend=FakeBackend(swarm))
    assert result.exit_code == 4
    assert "is COMPLETED and cannot be cancelled" in result.stderr
    assert ordered(swarm) == [(OrderAction.CANCEL, id_of("run"))]
    mixed = run("tasks", "cancel", "ffff", id_of("wait"), "--yes", backend=FakeBackend(swarm))
    assert mixed.exit_code == 3
    assert len(swarm.ordered) == 2


def test_the_only_one_in_the_wrong_state_or_unknown_is_the_error(swarm: FakeSwarm) -> None:
    failed = run("tasks", "cancel", id_of("done"), "--yes", "--json", backend=FakeBackend(swarm))
    assert (failed.exit_code, json.loads(failed.stderr.splitlines()[-1])["error"]["code"]) == (4, "wrong_state")
    assert run("goals", "pause", "ffff", backend=FakeBackend(swarm)).exit_code == 3
    swarm.goals_by_id[HERE] = a_goal(HERE, status=GoalStatus.COMPLETED)
    assert run("goals", "cancel", HERE, "--yes", backend=FakeBackend(swarm)).exit_code == 4


def test_an_order_that_came_too_late_says_so_and_exits_4(swarm: FakeSwarm) -> None:
    swarm.late = "the task had already ended"
    result = run("tasks", "cancel", id_of("run"), "--yes", backend=FakeBackend(swarm))
    assert result.exit_code == 4
    assert f"{id_of('run')}: {swarm.late}" in result.stderr


def test_an_order_that_is_only_kept_so_far_is_no_failure_and_says_not_yet(swarm: FakeSwarm) -> None:
    swarm.late = "away"
    result = run("goals", "pause", HERE, backend=FakeBackend(swarm))
    assert result.exit_code == 0
    assert "not yet" in result.stdout


def test_an_order_about_a_task_that_is_only_kept_so_far_is_shown_with_its_goal(swarm: FakeSwarm) -> None:
    swarm.late = "away"
    run("tasks", "cancel", id_of("run"), id_of("run", THERE), "--yes", backend=FakeBackend(swarm))
    page = run("goals", "show", HERE, backend=FakeBackend(swarm)).stdout
    assert f"order\t{id_of('run')}\tcancel\t" in page
    assert f"order\t{id_of('run', THERE)}" not in page
    assert "not yet" in page


def test_a_task_named_twice_is_ordered_once(swarm: FakeSwarm) -> None:
    run("tasks", "cancel", id_of("run"), id_of("run")[:6], "--yes", backend=FakeBackend(swarm))
    assert len(swarm.ordered) == 1


def test_what_was_cancelled_because_of_a_retried_task_comes_along_when_asked_for(swarm: FakeSwarm) -> None:
    child = a_task("child", goal=HERE, status=TaskStatus.CANCELLED)
    swarm.tasks_by_id[child.id], swarm.dependents = child, [child.id]
    alone = run("tasks", "retry", id_of("bad"), backend=FakeBackend(swarm))
    assert alone.exit_code == 0
    assert "1 task cancelled because of these" in alone.stderr
    assert "--with-dependents" in alone.stderr
    swarm.ordered.clear()
    run("tasks", "retry", id_of("bad"), "--with-dependents", "--yes", backend=FakeBackend(swarm))
    assert ordered(swarm) == [(OrderAction.RETRY, id_of("bad")), (OrderAction.RETRY, child.id)]


def test_who_ordered_what_is_shown_with_the_goal_and_the_task(swarm: FakeSwarm) -> None:
    swarm.goals_by_id[HERE] = a_goal(HERE, paused_at=NOON, paused_by="ana")
    run("goals", "pause", HERE, "--as", "ana", backend=FakeBackend(swarm))
    run("tasks", "cancel", id_of("run"), "--as", "bob", "--yes", backend=FakeBackend(swarm))
    page = run("goals", "show", HERE, backend=FakeBackend(swarm)).stdout
    assert "ACTIVE, paused" in page
    assert "by ana since 2026-01-01T12:00:00Z" in page
    assert "\tpause\tana\t" in page
    assert "\tcancel\tbob\t" in run("tasks", "show", id_of("run"), backend=FakeBackend(swarm)).stdout
    listed = run("goals", "list", backend=FakeBackend(swarm)).stdout
    assert "ACTIVE, paused" in listed


def test_a_cancelled_goal_is_told_in_numbers_that_are_true_at_the_end(swarm: FakeSwarm) -> None:
    standing = {TaskStatus.CANCELLED: 6, TaskStatus.COMPLETED: 3, TaskStatus.QUEUED: 1}

    class Quick(FakeSwarm):
        async def order_goals(self, *args: Any, **how: Any) -> Ordered:
            ordered = await super().order_goals(*args, **how)
            self.goals_by_id[HERE] = a_goal(HERE, counts=standing)
            return ordered

    quick = Quick({HERE: a_goal(HERE, counts={TaskStatus.CANCELLED: 2, TaskStatus.RUNNING: 8})})
    quick.effects = {Effect.UNKNOWN: 1, Effect.NOT_DONE: 5}
    result = run("goals", "cancel", HERE, "--yes", "--json", "--timeout", "1m", backend=FakeBackend(quick))
    assert json.loads(result.stdout)["goals"] == [
        {
            "goal_id": HERE,
            "tasks": 10,
            "cancelled": 4,
            "ended_before": 5,
            "live": 1,
            "effects": {"unknown": 1, "not done": 5},
        }
    ]
    assert quick.patience == timedelta(minutes=1)
    for words in (
        "cancelled 4 of 10 tasks",
        "5 had ended before",
        "1 are not recorded as ended yet",
        "1 with effect unknown",
    ):
        assert words in result.stderr


def test_a_cancelled_task_whose_effect_happened_says_so(swarm: FakeSwarm) -> None:
    task = swarm.tasks_by_id[id_of("run")]
    swarm.tasks_by_id[task.id] = task.model_copy(update={"effect": Effect.DONE})
    result = run("tasks", "cancel", task.id, "--yes", "--json", backend=FakeBackend(swarm))
    assert json.loads(result.stdout)["tasks"] == [{"id": task.id, "status": "RUNNING", "effect": "done"}]
    assert "effect done" in result.stderr
    assert "effect" in run("tasks", "show", task.id, backend=FakeBackend(swarm)).stdout
