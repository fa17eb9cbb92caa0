"""A cluster whose slots move to other nodes while a swarm works on them: nothing is lost, done twice or left on the old node."""

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from chimera_cli.adapters.keys import Keys, slot
from chimera_cli.simulation.chaos.cluster import NODES
from chimera_cli.simulation.chaos.slots import MovingSlots
from tests.cli.conftest import NewLine
from tests.cli.driver import KINDS, Line
from tests.cli.test_cluster import keys_of_all_shards
from tests.servers import Servers

SHARDS = 3
MARKS = 60
"""Tasks of each goal."""


@pytest.fixture
def slots(servers: Servers) -> Iterator[MovingSlots]:
    with MovingSlots([node.url for node in servers.cluster]) as slots:
        yield slots


@pytest.mark.cluster
def test_every_slot_of_a_swarm_moves_to_another_node_and_back_while_it_works(
    new_line: NewLine, slots: MovingSlots, cluster_url: str
) -> None:
    line = new_line(REDIS_URL=cluster_url, CHIMERA_SHARDS=str(SHARDS))
    roles = [
        line.start("worker", "--processes", "2", "--count", "4", "--handlers", str(KINDS)),
        line.start("judge", "--count", "2"),
    ]
    goals = [str(line.run(*plan_of(line, key)).json["goal_id"]) for key in keys_of_all_shards()]
    homes = {number: slots.owner(number) for number in slots_of(line)}
    for away in (1, 0):
        for number, home in homes.items():
            work_goes_on(line)
            slots.move(number, (home + away) % NODES)
    line.until(lambda: all(line.goal(goal) == "COMPLETED" for goal in goals), "all goals are over")
    assert [role.alive for role in roles] == [True, True]
    runs = Counter(task for _, task, _, _ in line.marks())
    assert sorted(runs.values()) == [1] * (SHARDS * MARKS)
    assert line.violations() == []
    assert "Traceback" not in line.said()


def slots_of(line: Line) -> list[int]:
    """Name the slots of the shards and of the fleet."""
    keys = Keys(line.environment["CHIMERA_NAMESPACE"], SHARDS)
    return [slot(tag.strip("{}")) for tag in (*(keys.shard(shard) for shard in range(SHARDS)), keys.fleet)]


def plan_of(line: Line, key: str) -> list[str]:
    """Name the command that submits a goal of tasks that take a moment each."""
    tasks = [{"key": f"mark-{n}", "kind": "mark", "payload": {"s": 0.2}} for n in range(MARKS)]
    plan = line.write(f"{key}.json", json.dumps({"goal": "outlive a move", "tasks": tasks}))
    return ["plan", "--file", plan, "--handlers", str(KINDS), "--idempotency-key", key, "--json"]


def work_goes_on(line: Line) -> None:
    """Wait until a run has begun since now, or all have."""
    before = len(line.marks())
    line.until(lambda: len(line.marks()) > before or before == SHARDS * MARKS, "work goes on")
