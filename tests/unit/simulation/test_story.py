"""The script against processes that only pretend to be chimera, and stores that only remember."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chimera_cli.models.agent import AgentStatus, FleetMember, Liveness, Role
from chimera_cli.models.goal import GoalStatus
from chimera_cli.models.snapshot import Snapshot
from chimera_cli.simulation.extra_tasks import HOSTAGE, MODULE
from chimera_cli.simulation.options import OPERATOR, SimulationOptions
from chimera_cli.simulation.roles import RoleFailed, Roles
from chimera_cli.simulation.story import EXTRA_FILE, Story
from tests.builders import GOAL, NOON, a_goal
from tests.unit.simulation.good_run import good_run, tid
from tests.unit.simulation.listener import Listener

PRETENDER = """
import json, sys, time
if sys.argv[1] == "plan":
    print(json.dumps({"goal_id": "%s", "tasks": [{}, {}]}))
elif sys.argv[1] == "tasks":
    print(json.dumps(sys.argv[1:]))
elif sys.argv[1] == "review":
    open("approved", "w").write(json.dumps(sys.argv[1:]))
elif sys.argv[1] == "%s":
    sys.exit(5)
else:
    open("up-%%s" %% sys.argv[1], "a").write("x")
    time.sleep(60)
"""


@dataclass
class Stores:
    """What the story looks at; the goal is over when its cards are approved and its worker was killed."""

    folder: Path
    fleet: list[FleetMember] = field(default_factory=list)
    story: Story | None = None

    def swarm(self) -> Any:
        async def members() -> list[FleetMember]:
            return self.fleet

        async def cards(**_: object) -> Any:
            return [] if self.approved else good_run().cards

        async def posts(**_: object) -> Any:
            return [{"idempotency_key": "x:execute"}]

        async def goal(_: str) -> Any:
            over = self.approved and self.story is not None and self.story.killed is not None
            return a_goal(status=GoalStatus.COMPLETED if over else GoalStatus.ACTIVE)

        async def snapshot() -> Snapshot:
            return Snapshot(at=NOON, fleet=tuple(self.fleet), queues={}, to_review=0, ledger={})

        return SimpleNamespace(
            registry=SimpleNamespace(fleet=members),
            reviews=SimpleNamespace(cards=cards),
            outbox=SimpleNamespace(posts=posts),
            record=SimpleNamespace(goal=goal),
            snapshot=snapshot,
        )

    @property
    def approved(self) -> bool:
        return (self.folder / "approved").exists()

    def hold(self, pid: int) -> None:
        """Let an agent of this process hold the hostage."""
        own = {"role": Role.WORKER, "state": AgentStatus.BUSY, "liveness": Liveness.ALIVE, "beat_age": timedelta()}
        self.fleet = [
            FleetMember(id="a1", process=f"host7:{pid}:9f", task_id=tid(HOSTAGE), **own),
            FleetMember(id="a2", process=f"host7:{pid}:9f", **own),
            FleetMember(id="b1", process="host7:1:9f", **own),
        ]


@pytest.fixture
def stage(tmp_path: Path) -> tuple[Stores, Roles, Story, Listener]:
    return on_stage(tmp_path, "nothing")


def on_stage(folder: Path, broken: str) -> tuple[Stores, Roles, Story, Listener]:
    program = (sys.executable, "-c", PRETENDER % (GOAL, broken))
    roles, stores, listener = Roles(folder, {"PATH": os.environ["PATH"]}, program=program), Stores(folder), Listener()
    options = SimulationOptions(tasks=2, workers=5)
    story = Story(stores.swarm(), roles, folder=folder, options=options, watch=listener, hold=timedelta(seconds=0.01))
    stores.story = story
    return stores, roles, story, listener


async def test_the_story_plans_adds_kills_holds_and_approves(stage, tmp_path: Path) -> None:
    stores, roles, story, listener = stage
    try:
        async with asyncio.timeout(20):
            await story.begin()
            stores.hold(story.running[1].pid)
            await story.play()
    finally:
        ended = await roles.end(timedelta(seconds=1))
    assert story.goal_id == GOAL
    assert sorted(ended) == ["judge", "worker-1"]
    assert story.killed is not None
    assert (story.killed.role, story.killed.agents) == ("worker-2", frozenset({"a1", "a2"}))
    assert story.homes == {"a1": "worker-2", "a2": "worker-2"}
    assert story.looks[0].held == (tid("draft"), tid("publish"))
    assert story.looks[0].posted == ("x:execute",)
    asked = json.loads((tmp_path / "approved").read_text())
    assert asked == ["review", "approve", "card-draft", "card-publish", "--as", OPERATOR, "--json"]
    assert listener.boards
    assert any("killed worker-2" in line for line in listener.said)


async def test_the_added_tasks_go_through_the_command_with_the_kinds_of_the_simulation(stage, tmp_path: Path) -> None:
    _, roles, story, _ = stage
    try:
        async with asyncio.timeout(20):
            await story.begin()
    finally:
        await roles.end(timedelta(seconds=1))
    added = json.loads((tmp_path / "tasks.out.log").read_text())
    assert added == ["tasks", "add", GOAL, "--file", EXTRA_FILE, "--handlers", MODULE, "--json"]
    assert [json.loads(line)["key"] for line in (tmp_path / EXTRA_FILE).read_text().splitlines()][:2] == [
        HOSTAGE,
        "tally-1",
    ]


async def test_a_role_that_ends_by_itself_ends_the_story(tmp_path: Path) -> None:
    _, roles, story, _ = on_stage(tmp_path, "judge")
    try:
        async with asyncio.timeout(20):
            await story.begin()
            with pytest.raises(RoleFailed, match="`chimera judge` ended with exit code 5"):
                await story.play()
    finally:
        await roles.end(timedelta(seconds=1))
