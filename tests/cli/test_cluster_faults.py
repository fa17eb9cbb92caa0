"""A Redis Cluster that loses a node, also while its slots move: the other shards go on, and nothing is lost or done twice."""

import secrets
from collections.abc import Iterator
from itertools import count

import pytest

from chimera_cli.adapters.keys import SLOTS, Keys, slot
from chimera_cli.models.identity import shard_of
from chimera_cli.simulation.chaos.cluster import NODES, Cluster, agree
from chimera_cli.simulation.chaos.slots import MovingSlots
from tests.cli.conftest import NewLine, kill
from tests.cli.driver import KINDS, Line, Running
from tests.cli.test_cluster import keys_of_all_shards
from tests.servers import or_skip

SHARDS = 3
MARKS = 30
"""Tasks of each goal."""
AWAY = 1
"""The node that goes away; commands begin to look at node 0."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of these tests' own, which keeps its data. It outlives the swarms, which are looked at when they have ended."""
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), secrets.token_urlsafe(12))
    try:
        yield _started(cluster)
    finally:
        cluster.stop()


def _started(cluster: Cluster) -> Cluster:
    or_skip(cluster.start, cluster.nodes[0])
    return cluster


@pytest.mark.cluster
@pytest.mark.parametrize("loses", ["a shard", "a shard and the identity"])
def test_while_a_node_is_away_the_shards_of_the_others_go_on_and_its_own_do_afterwards(
    cluster: Cluster, new_line: NewLine, loses: str
) -> None:
    line = swarm_on(new_line, cluster, fleet_on=AWAY if "identity" in loses else 2)
    roles = roles_of(line)
    goals = {key: goal_of(line, key, gated=True) for key in keys_of_all_shards()}
    line.until(lambda: len(line.marked("gated")) == len(goals), "a task of each shard runs")
    [stranded, *others] = sorted(goals.values(), key=lambda goal: shard_of(goal, SHARDS) != AWAY)
    kill(cluster.nodes[AWAY])
    line.open_gate("all")
    line.until(lambda: all(line.goal(goal) == "COMPLETED" for goal in others), "the other shards' goals are over")
    assert line.goal(stranded) != "COMPLETED"
    cluster.nodes[AWAY].start()
    line.until(lambda: line.goal(stranded) == "COMPLETED", "the goal of the node that was away is over")
    assert_clean_end(line, roles)


@pytest.mark.cluster
@pytest.mark.parametrize("dying", ["source", "target"])
def test_a_master_that_is_killed_while_a_slot_moves_leaves_a_move_that_can_be_ended(
    cluster: Cluster, new_line: NewLine, dying: str
) -> None:
    line = swarm_on(new_line, cluster, fleet_on=2)
    roles = roles_of(line)
    goals = [goal_of(line, key) for key in keys_of_all_shards()]
    with MovingSlots([node.url for node in cluster.nodes]) as slots:
        for number in slots_of(line):
            source = slots.owner(number)
            target = (source + 1) % NODES
            slots.begin(number, source, target)
            slots.carry(number, source, target, 5)
            node = cluster.nodes[source if dying == "source" else target]
            kill(node)
            node.start()
            agree(cluster.nodes)
            slots.move(number, target)
    line.until(lambda: all(line.goal(goal) == "COMPLETED" for goal in goals), "all goals are over")
    assert_clean_end(line, roles)


def swarm_on(new_line: NewLine, cluster: Cluster, *, fleet_on: int) -> Line:
    """Be a swarm with a shard on each node, and its identity on a certain one."""
    names = (f"cluster-{secrets.token_hex(4)}" for _ in count())
    homes = [*range(NODES), fleet_on]
    namespace = next(name for name in names if [node_of(tag) for tag in tags_of(name)] == homes)
    return new_line(
        REDIS_URL=cluster.url,
        CHIMERA_NAMESPACE=namespace,
        CHIMERA_SHARDS=str(SHARDS),
        CHIMERA_LEASE_S="3",
        CHIMERA_BEAT_S="0.75",
    )


def roles_of(line: Line) -> list[Running]:
    return [
        line.start("worker", "--processes", "2", "--count", "4", "--handlers", str(KINDS)),
        line.start("judge", "--count", "2"),
    ]


def goal_of(line: Line, key: str, *, gated: bool = False) -> str:
    """Submit a goal of tasks that take a moment each, with one that waits at a gate if wanted; return its id."""
    tasks: list[dict[str, object]] = [
        {"key": f"mark-{n}", "kind": "mark", "payload": {"s": 0.1}, "priority": "low"} for n in range(MARKS)
    ]
    if gated:
        tasks.append({"key": "gate", "kind": "gated", "payload": {"gate": line.gate("all")}, "priority": "high"})
    return line.submit("outlive a node", tasks, "--idempotency-key", key)


def slots_of(line: Line) -> list[int]:
    """Name the slots of the shards and of the fleet."""
    return [slot(tag.strip("{}")) for tag in tags_of(line.environment["CHIMERA_NAMESPACE"])]


def tags_of(namespace: str) -> list[str]:
    """Name the tags of the shards, then the fleet's."""
    keys = Keys(namespace, SHARDS)
    return [*(keys.shard(shard) for shard in range(SHARDS)), keys.fleet]


def node_of(tag: str) -> int:
    """Tell on which node of a new cluster the keys with a tag are."""
    return slot(tag.strip("{}")) * NODES // SLOTS


def assert_clean_end(line: Line, roles: list[Running]) -> None:
    """Everything is kept, and nothing had to be started anew."""
    assert [role.alive for role in roles] == [True, True]
    assert line.violations() == []
    assert "Traceback" not in line.said(), line.said()
