import json
from datetime import timedelta
from pathlib import Path

import pytest

from chimera_cli.models.agent import AgentStatus, FleetMember, Liveness, Role
from chimera_cli.models.goal import GoalStatus
from chimera_cli.models.task import Priority
from tests.builders import GOAL, a_spec
from tests.unit.cli.fakes import FakeBackend, FakeSwarm, run

TASKS = [{"key": "a", "kind": "noop"}, {"key": "b", "kind": "noop", "depends_on": ["a"], "priority": "low"}]


@pytest.fixture
def plan_json(folder: Path) -> str:
    (folder / "plan.json").write_text(json.dumps({"goal": "Ready", "tasks": TASKS}))
    return "plan.json"


@pytest.fixture
def lines(folder: Path) -> str:
    (folder / "tasks.jsonl").write_text("\n".join(map(json.dumps, TASKS)))
    return "tasks.jsonl"


def test_a_goal_is_drafted_by_the_model_and_may_be_replanned() -> None:
    swarm = FakeSwarm()
    result = run("plan", "Grow on Twitter", "--json", backend=FakeBackend(swarm))
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert (document["goal_id"], [task["key"] for task in document["tasks"]]) == (GOAL, ["drafted"])
    assert (swarm.submitted["goal"], swarm.submitted["max_replans"]) == ("Grow on Twitter", 2)


def test_a_goal_may_come_from_stdin() -> None:
    swarm = FakeSwarm()
    assert run("plan", "-", backend=FakeBackend(swarm), stdin="Grow\non Twitter\n").exit_code == 0
    assert swarm.submitted["goal"] == "Grow\non Twitter"


def test_a_ready_plan_is_submitted_as_it_is_and_never_replanned(plan_json: str) -> None:
    swarm = FakeSwarm()
    assert run("plan", "--file", plan_json, backend=FakeBackend(swarm)).exit_code == 0
    assert (swarm.submitted["goal"], swarm.submitted["max_replans"]) == ("Ready", 0)
    assert [task.key for task in swarm.tasks_by_id.values()] == ["a", "b"]


def test_lines_need_their_goal_from_the_command_line(lines: str) -> None:
    swarm = FakeSwarm()
    missing = run("plan", "--file", lines, backend=FakeBackend(swarm))
    assert (missing.exit_code, swarm.submitted) == (2, {})
    assert run("plan", "--file", lines, "--goal", "Many", backend=FakeBackend(swarm)).exit_code == 0
    assert swarm.submitted["goal"] == "Many"


def test_a_dry_run_shows_the_plan_and_writes_nothing(plan_json: str) -> None:
    swarm = FakeSwarm()
    result = run("plan", "--file", plan_json, "--dry-run", "--json", backend=FakeBackend(swarm))
    assert [task["key"] for task in json.loads(result.stdout)["tasks"]] == ["a", "b"]
    assert swarm.submitted == {}
    drawn = run("plan", "--file", plan_json, "--dry-run", "--color", "always", backend=FakeBackend(swarm))
    assert "└── " in drawn.stdout


def test_priority_and_deadline_apply_to_the_tasks(plan_json: str) -> None:
    swarm = FakeSwarm()
    run("plan", "--file", plan_json, "--priority", "high", "--deadline", "2h", backend=FakeBackend(swarm))
    assert {task.priority for task in swarm.tasks_by_id.values()} == {Priority.HIGH}
    assert all(task.deadline is not None for task in swarm.tasks_by_id.values())


def test_the_same_idempotency_key_names_the_same_goal(plan_json: str) -> None:
    swarm = FakeSwarm()
    ids = [
        json.loads(
            run("plan", "--file", plan_json, "--idempotency-key", "k", "--json", backend=FakeBackend(swarm)).stdout
        )
        for _ in range(2)
    ]
    assert ids[0]["goal_id"] == ids[1]["goal_id"]


@pytest.mark.parametrize(
    ("status", "code"), [(GoalStatus.COMPLETED, 0), (GoalStatus.FAILED, 1), (GoalStatus.REPLANNING, 1)]
)
def test_waiting_ends_with_1_unless_the_goal_is_completed(plan_json: str, status: GoalStatus, code: int) -> None:
    backend = FakeBackend(FakeSwarm(ends_as=status))
    assert run("plan", "--file", plan_json, "--wait", "--timeout", "1m", backend=backend).exit_code == code


@pytest.mark.parametrize(
    ("text", "said", "code"),
    [
        ('{"tasks": [}', "plan.json, line 1 column 12", 2),
        ('{"goal": "g", "tasks": [{"key": "a", "kind": "gone"}]}', "tasks[0]: task 'a': unknown kind 'gone'", 1),
        ('{"goal": "g", "tasks": [{"key": "a", "kind": "noop", "depends_on": ["a"]}]}', "dependency cycle: a -> a", 1),
        (
            '{"goal": "g", "tasks": [{"key": "a", "kind": "noop", "when": 1}]}',
            "tasks[0]: task 'a': unknown field 'when'",
            1,
        ),
        ('{"goal": "g", "tasks": []}', "the plan has no tasks", 1),
        ('{"goal": "\\u001b[2J", "tasks": [{"key": "a", "kind": "noop"}]}', "the goal cannot be used", 2),
    ],
)
def test_a_bad_plan_is_refused_whole_with_its_place(folder: Path, text: str, said: str, code: int) -> None:
    (folder / "plan.json").write_text(text)
    swarm = FakeSwarm()
    result = run("plan", "--file", "plan.json", backend=FakeBackend(swarm))
    assert result.exit_code == code
    assert said in result.stderr
    assert swarm.submitted == {}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("plan",), "there is no goal"),
        (("plan", "g", "--goal", "h", "--file", "x"), "give the goal once"),
        (("plan", "g", "--watch"), "--watch takes no goal"),
        (("plan", ""), "the goal cannot be used"),
        (("plan", "x" * 4001), "the goal cannot be used"),
        (("plan", "--file", "gone.json"), "gone.json cannot be read"),
        (("plan", "g", "--priority", "urgent"), "--priority 'urgent' is unknown"),
        (("plan", "g", "--deadline", "later"), "--deadline 'later' is no time"),
        (("plan", "g", "--persona", "gone.md"), "gone.md"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments: tuple[str, ...], said: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_file_that_is_not_text_is_refused(folder: Path) -> None:
    (folder / "tasks.jsonl").write_bytes(b"\xff\xfe{}")
    result = run("plan", "--file", "tasks.jsonl", "--goal", "g")
    assert (result.exit_code, "not UTF-8" in result.stderr) == (2, True)


def test_watching_runs_the_planner_after_its_checks() -> None:
    backend = FakeBackend()
    assert run("plan", "--watch", "--handlers", "k.py", backend=backend).exit_code == 0
    assert backend.ran[0] == ("ready", True)
    assert backend.ran[1] == ["k.py"]


def test_tasks_are_added_to_a_live_goal(lines: str) -> None:
    swarm = FakeSwarm()
    run("plan", "Grow", backend=FakeBackend(swarm))
    result = run("tasks", "add", GOAL[:6], "--file", lines, "--json", backend=FakeBackend(swarm))
    assert result.exit_code == 0
    assert len(json.loads(result.stdout)["ids"]) == 2
    assert {task.key for task in swarm.tasks_by_id.values()} == {"drafted", "a", "b"}


def test_goals_and_tasks_are_listed_and_shown(lines: str) -> None:
    swarm = FakeSwarm()
    run("plan", "--file", lines, "--goal", "Many", backend=FakeBackend(swarm))
    shown = json.loads(run("goals", "show", GOAL, "--json", backend=FakeBackend(swarm)).stdout)
    assert (shown["id"], shown["text"], shown["status"]) == (GOAL, "Many", "ACTIVE")
    for limit, count in (("0", 2), ("1", 1)):
        listed = run("tasks", "list", "--goal", GOAL, "--limit", limit, "--json", backend=FakeBackend(swarm))
        assert len(json.loads(listed.stdout)["tasks"]) == count
    [id] = [task.id for task in swarm.tasks_by_id.values() if task.key == a_spec("a").key]
    assert json.loads(run("tasks", "show", id[:8], "--json", backend=FakeBackend(swarm)).stdout)["id"] == id
    assert f"task\t{id}" in run("tasks", "show", id, backend=FakeBackend(swarm)).stdout


def a_worker(*kinds: str) -> FleetMember:
    alive = {"role": Role.WORKER, "state": AgentStatus.IDLE, "liveness": Liveness.ALIVE, "beat_age": timedelta(0)}
    return FleetMember(id="w", process="p", kinds=kinds, **alive)


def test_a_kind_that_no_running_worker_serves_is_warned_of_and_the_plan_is_submitted(plan_json: str) -> None:
    swarm = FakeSwarm(members=[a_worker("other")])
    result = run("plan", "--file", plan_json, backend=FakeBackend(swarm))
    assert result.exit_code == 0
    warning = "warning: 2 tasks of kind noop wait, no worker serves it; chimera worker --handlers MODULE"
    assert warning in result.stderr.splitlines()


@pytest.mark.parametrize(
    "swarm",
    [FakeSwarm(members=[a_worker("noop")]), FakeSwarm(), FakeSwarm(redis_down=True)],
    ids=["served", "none", "down"],
)
def test_without_a_running_worker_that_tells_otherwise_there_is_no_warning(plan_json: str, swarm: FakeSwarm) -> None:
    result = run("plan", "--file", plan_json, backend=FakeBackend(swarm))
    assert (result.exit_code, "no worker serves" in result.stderr) == (0, False)
