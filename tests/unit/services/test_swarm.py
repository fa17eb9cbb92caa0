from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from chimera_cli.exceptions import BackendUnavailable, InvalidPlan, WaitTimeout
from chimera_cli.models.agent import AgentStatus, FleetMember, Liveness, Role
from chimera_cli.models.goal import Goal, GoalStatus, Ledger
from chimera_cli.models.identity import goal_id_for, task_id
from chimera_cli.models.pairing import Identity
from chimera_cli.models.queue_counts import QueueCounts
from chimera_cli.models.task import TaskSpec
from chimera_cli.services.swarm import Swarm
from tests.builders import GOAL, NOON, a_goal, a_spec

KINDS = {"noop": None}


class World:
    """Every port of a swarm, as far as these tests need them."""

    def __init__(self, *statuses: GoalStatus, planner: Liveness | None = None) -> None:
        self.goals: dict[str, list[TaskSpec]] = {}
        self.statuses = list(statuses)
        self.planner = planner
        self.slept = timedelta(0)
        self.dispatches = 0
        self.redis_away = False
        self.epochs_now: dict[int, int] = {}
        self.said: list[str] = []

    def now(self) -> datetime:
        return NOON

    async def sleep(self, delay: timedelta) -> None:
        self.slept += delay

    def emit(self, event: Any) -> None:
        self.said.append(event.name)

    async def reconcile(self) -> int:
        return 0

    async def hand_in(self) -> None:
        if self.redis_away:
            raise BackendUnavailable("Redis", "gone")
        self.dispatches += 1

    async def submit(self, goal: Goal, tasks: Iterable[TaskSpec]) -> bool:
        if goal.id in self.goals:
            return False
        self.goals[goal.id] = list(tasks)
        return True

    async def keys(self, goal_id: str) -> list[str]:
        return ["old"]

    async def add_tasks(self, goal_id: str, tasks: Sequence[TaskSpec]) -> list[str]:
        return [task_id(goal_id, spec.key) for spec in tasks]

    async def goal(self, goal_id: str) -> Goal:
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return a_goal(status=status)

    async def fleet(self) -> list[FleetMember]:
        if self.planner is None:
            return []
        age = timedelta(seconds=1)
        member = FleetMember(
            id="p", process="h", role=Role.PLANNER, state=AgentStatus.IDLE, liveness=self.planner, beat_age=age
        )
        return [member]

    @property
    def pairing(self) -> "World":
        return self

    identity = Identity(id="aaaa", namespace="default", shards=1)

    async def counts(self) -> QueueCounts:
        return QueueCounts(waiting=3, epochs={0: 4, 1: 7})

    async def epochs(self) -> dict[int, int]:
        return self.epochs_now

    async def waiting(self) -> tuple[int, datetime | None]:
        return 1, NOON

    async def unsent(self) -> int:
        return 4

    async def stuck(self) -> int:
        return 2

    async def unvouched(self) -> list[str]:
        return ["t1"]

    async def recovery(self) -> None:
        return None

    async def undispatched(self) -> int:
        return 2

    async def paused(self) -> list[Goal]:
        return [a_goal(paused_at=NOON, paused_by="ana")]

    async def ledger(self) -> Ledger:
        return Ledger(submitted=5, live=5)


class Clocked(World):
    """The record has a clock of its own, and it is asked for asynchronously."""

    async def now(self) -> datetime:  # type: ignore[override]
        return NOON


def swarm(world: World) -> Swarm:
    record = Clocked()
    record.__dict__ = world.__dict__
    ports: dict[str, Any] = dict.fromkeys(
        (
            "queue",
            "state",
            "registry",
            "reviews",
            "outbox",
            "posts",
            "orchestrator",
            "review_service",
            "telemetry",
            "clock",
            "orders",
            "control",
        ),
        world,
    )
    return Swarm(record=record, **ports)


async def test_a_submitted_goal_is_stored_and_then_dispatched() -> None:
    world = World()
    goal_id = await swarm(world).submit("Grow", [a_spec()], kinds=KINDS)
    assert [spec.key for spec in world.goals[goal_id]] == ["one"]
    assert world.dispatches == 1


async def test_a_goal_with_the_same_idempotency_key_is_stored_once() -> None:
    world = World()
    first = await swarm(world).submit("Grow", [a_spec()], idempotency_key="monday")
    assert await swarm(world).submit("Grow more", [a_spec("two")], idempotency_key="monday") == first
    assert first == goal_id_for("monday")
    assert [spec.key for spec in world.goals[first]] == ["one"]


async def test_a_plan_that_breaks_a_rule_is_not_stored() -> None:
    world = World()
    with pytest.raises(InvalidPlan, match="unknown kind"):
        await swarm(world).submit("Grow", [a_spec(kind="nope")], kinds=KINDS)
    assert world.goals == {}


async def test_what_is_stored_while_redis_is_away_is_no_error() -> None:
    world = World()
    world.redis_away = True
    assert await swarm(world).submit("Grow", [a_spec()]) in world.goals
    assert world.said == ["backend.lost"]


async def test_added_tasks_may_depend_on_tasks_that_the_goal_has() -> None:
    world = World()
    ids = await swarm(world).add(GOAL, [a_spec("new", depends_on=["old"])], kinds=KINDS)
    assert ids == [task_id(GOAL, "new")]
    with pytest.raises(InvalidPlan, match="ghost"):
        await swarm(world).add(GOAL, [a_spec("new", depends_on=["ghost"])], kinds=KINDS)


async def test_waiting_ends_with_the_goal() -> None:
    world = World(GoalStatus.ACTIVE, GoalStatus.ACTIVE, GoalStatus.COMPLETED)
    assert (await swarm(world).wait(GOAL)).status is GoalStatus.COMPLETED


async def test_waiting_ends_when_nobody_is_there_to_replan() -> None:
    assert (await swarm(World(GoalStatus.REPLANNING)).wait(GOAL)).status is GoalStatus.REPLANNING


async def test_waiting_goes_on_while_a_planner_lives() -> None:
    world = World(GoalStatus.REPLANNING, GoalStatus.ACTIVE, GoalStatus.COMPLETED, planner=Liveness.ALIVE)
    assert (await swarm(world).wait(GOAL)).status is GoalStatus.COMPLETED


async def test_a_dead_planner_is_not_waited_for() -> None:
    world = World(GoalStatus.REPLANNING, planner=Liveness.DEAD)
    assert (await swarm(world).wait(GOAL)).status is GoalStatus.REPLANNING


async def test_waiting_too_long_is_told() -> None:
    world = World(GoalStatus.ACTIVE)
    with pytest.raises(WaitTimeout, match="still ACTIVE"):
        await swarm(world).wait(GOAL, timeout=timedelta(seconds=3))
    assert world.slept >= timedelta(seconds=3)


async def test_a_snapshot_shows_both_stores() -> None:
    shot = await swarm(World(planner=Liveness.ALIVE)).snapshot()
    assert (shot.queues.waiting, shot.to_review, shot.undispatched, shot.ledger.submitted) == (3, 1, 2, 5)
    assert [member.role for member in shot.fleet] == [Role.PLANNER]
    assert [goal.paused_by for goal in shot.paused] == ["ana"]


@pytest.mark.parametrize(
    ("record", "words"),
    [({0: 4, 1: 7}, ""), ({0: 5, 1: 7}, "another primary took over: epoch 4 here, 5 in the record"), ({2: 9}, "")],
)
async def test_a_snapshot_says_when_redis_was_replaced(record: dict[int, int], words: str) -> None:
    world = World()
    world.epochs_now = record
    shot = await swarm(world).snapshot()
    assert shot.epoch == max(record.values())
    assert (words in shot.replaced) if words else shot.replaced == ""


async def test_a_program_may_give_tasks_as_plain_mappings() -> None:
    world = World()
    goal_id = await swarm(world).submit("Grow", [{"key": "a", "kind": "noop", "payload": {"n": 1}}])
    assert world.goals[goal_id] == [TaskSpec(key="a", kind="noop", payload={"n": 1})]


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        ([], "no tasks"),
        ([{"key": "a"}], "task 1: kind: Field required"),
        ([{"key": "a", "kind": "noop", "depends_on": ["a"]}], "cycle"),
        ([{"key": "a", "kind": "noop"}, {"key": "a", "kind": "noop"}], "used twice"),
    ],
)
async def test_a_program_hears_what_is_wrong_with_its_plan(tasks: list, words: str) -> None:
    world = World()
    with pytest.raises(InvalidPlan, match=words):
        await swarm(world).submit("Grow", tasks)
    assert world.goals == {}


async def test_a_goal_that_no_store_could_bear_is_an_invalid_plan() -> None:
    with pytest.raises(InvalidPlan, match="goal"):
        await swarm(World()).submit("a\x1b[2Jb", [a_spec()])
