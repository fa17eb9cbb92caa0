"""The planner plans, and replaces what ended badly."""

import asyncio

import pytest

from chimera_cli.agents.planner import PlannerAgent
from chimera_cli.exceptions import BackendUnavailable, InvalidPlan, LLMError
from chimera_cli.models.agent import AgentStatus, Role
from chimera_cli.models.goal import GoalStatus
from chimera_cli.models.task import TaskStatus
from chimera_cli.services.planning import PlanningService
from tests.builders import NOON, a_goal, a_task
from tests.fake_llm import scripted

GOOD = {"tasks": [{"key": "new", "kind": "noop", "title": "again"}]}
BAD = {"tasks": []}


class Said:
    """Telemetry that remembers."""

    def __init__(self):
        self.events = []

    def emit(self, event):
        self.events.append(event)


class Record:
    """The part of the record that the planner uses: goals that wait, and a compare-and-set."""

    def __init__(self, *goals):
        self.waiting = {goal.id: goal for goal in goals}
        self.replanned = []

    async def goals(self, *, status=None, limit=50):
        assert (status, limit) == (GoalStatus.REPLANNING, 0)
        return list(reversed(self.waiting.values()))

    async def tasks(self, *, goal_id=None, status=None, limit=50):
        return [a_task("old", goal=goal_id, status=TaskStatus.FAILED, error="boom")]

    async def epochs(self):
        return {0: 5}

    async def turn(self):
        return 7

    async def replan(self, goal_id, replans, tasks):
        goal = self.waiting.pop(goal_id, None)
        if goal is None or goal.replans != replans:
            return False
        self.replanned.append((goal_id, [task.key for task in tasks]))
        return True


class Queue:
    """Notes which goals are forgotten."""

    def __init__(self):
        self.forgotten = []

    async def forget(self, tasks, goals, *, turn, epochs):
        assert turn == 7
        self.forgotten += goals
        return True


def a_planner(*answers):
    said = Said()
    return PlannerAgent(PlanningService(scripted(*answers), {"noop": None}), said), said


def waiting(letter: str, **fields):
    return a_goal(letter * 20, status=GoalStatus.REPLANNING, **fields)


async def test_a_planner_makes_a_plan_and_says_so():
    planner, said = a_planner(GOOD)
    await planner.setup()
    plan = await planner.plan("Grow")
    assert [task.key for task in plan.tasks] == ["new"]
    assert (planner.role, planner.status) == (Role.PLANNER, AgentStatus.IDLE)
    assert [(event.name, event.fields["tasks"]) for event in said.events] == [("goal.planned", 1)]


async def test_a_planner_without_a_valid_plan_is_idle_again():
    planner, _ = a_planner(BAD, BAD, BAD)
    with pytest.raises(InvalidPlan):
        await planner.plan("Grow")
    assert planner.status is AgentStatus.IDLE


async def test_goals_that_wait_are_replanned_oldest_first():
    planner, said = a_planner(GOOD, GOOD)
    record, queue = Record(waiting("a"), waiting("b", replans=1)), Queue()
    assert await planner.replan_once(record, queue) == 2
    assert queue.forgotten == []
    assert record.replanned == [("a" * 20, ["new"]), ("b" * 20, ["new"])]
    assert [event.name for event in said.events] == ["goal.replanned"] * 2


async def test_a_goal_that_somebody_else_replanned_is_left_alone():
    planner, said = a_planner(GOOD)
    goal = waiting("a")
    record = Record(goal)
    record.waiting[goal.id] = goal
    record.replan = lambda *_: asyncio.sleep(0, False)
    assert await planner.replan_once(record, Queue()) == 0
    assert said.events == []


async def test_a_paused_goal_is_not_replanned_before_it_goes_on():
    planner, _ = a_planner(GOOD)
    record = Record(waiting("a", paused_at=NOON, paused_by="ana"))
    assert await planner.replan_once(record, Queue()) == 0
    assert record.replanned == []


@pytest.mark.parametrize("answers", [(BAD, BAD, BAD), (LLMError("nonsense"),)])
async def test_a_goal_for_which_nothing_valid_comes_is_given_up(answers):
    planner, _ = a_planner(*answers)
    record, queue = Record(waiting("a")), Queue()
    assert await planner.replan_once(record, queue) == 1
    assert record.replanned == [("a" * 20, [])]
    assert queue.forgotten == ["a" * 20]


async def test_an_absent_model_leaves_the_goal_waiting():
    planner, _ = a_planner(BackendUnavailable("the model", "gone"))
    record = Record(waiting("a"))
    with pytest.raises(BackendUnavailable):
        await planner.replan_once(record, Queue())
    assert record.replanned == []
    assert planner.status is AgentStatus.IDLE


async def test_one_run_is_one_round_of_the_watch():
    planner, _ = a_planner(GOOD)
    record = Record(waiting("a"))
    assert await planner.run(record, Queue()) == 1
    assert await planner.run(record, Queue()) == 0
