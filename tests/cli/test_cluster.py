"""The whole line on a Redis Cluster of three nodes: goals on every shard come to their end, and no node is left out."""

import json
from collections import Counter
from itertools import count
from typing import Any

import pytest
from redis import Redis

from chimera_cli.models.identity import goal_id_for, shard_of
from tests.cli.conftest import NewLine
from tests.cli.driver import KINDS, Line
from tests.servers import Servers

SHARDS = 3
MARKS = 20
"""Tasks of each goal that nobody judges."""
UNJUDGED = ["task.queued", "task.started", "task.completed"]
POSTED = [
    "task.queued",
    "task.started",
    "task.judging",
    "task.held",
    "task.approved",
    "task.started",
    "task.completed",
]


@pytest.mark.cluster
def test_goals_on_every_shard_end_with_each_event_recorded_once_and_all_nodes_at_work(
    new_line: NewLine, servers: Servers, cluster_url: str
) -> None:
    line = new_line(REDIS_URL=cluster_url, CHIMERA_SHARDS=str(SHARDS))
    roles = [
        line.start("worker", "--processes", "2", "--count", "10", "--handlers", str(KINDS)),
        line.start("judge", "--count", "4"),
    ]
    submitted = line.at_once(*(plan_of(line, key) for key in keys_of_all_shards()))
    goals = [str(done.json["goal_id"]) for done in submitted]
    assert sorted(shard_of(goal, SHARDS) for goal in goals) == list(range(SHARDS))
    line.until(lambda: held(line) == len(goals), "every post waits for a person")
    assert [role.alive for role in roles] == [True, True]
    # The gated tasks are in somebody's hands still, so each shard has keys of live work.
    assert [shards_on(node.url, line) for node in servers.cluster] == [{0}, {1}, {2}]
    line.open_gate("all")
    cards = [card for (card,) in line.rows("SELECT id FROM cards")]
    assert line.run("review", "approve", *cards, "--as", "ada").code == 0
    line.until(lambda: all(line.goal(goal) == "COMPLETED" for goal in goals), "all goals are over")
    for goal in goals:
        lives = {key: line.history(goal, key) for key in line.tasks(goal)}
        assert lives == {"post": POSTED, "gate": UNJUDGED} | {f"mark-{n}": UNJUDGED for n in range(MARKS)}
    runs = Counter(task for _, task, _, _ in line.marks())
    assert sorted(Counter(runs.values()).items()) == [(1, len(goals) * (MARKS + 1)), (2, len(goals))]
    assert line.violations() == []


def keys_of_all_shards() -> list[str]:
    """Choose keys whose goals are on one shard each."""
    chosen: dict[int, str] = {}
    for number in count():
        chosen.setdefault(shard_of(goal_id_for(f"cluster-{number}"), SHARDS), f"cluster-{number}")
        if len(chosen) == SHARDS:
            break
    return list(chosen.values())


def plan_of(line: Line, key: str) -> list[str]:
    """Name the command that submits a goal: tasks that nobody judges, one that waits at a gate, one that a person must approve."""
    tasks: list[dict[str, Any]] = [{"key": f"mark-{n}", "kind": "mark"} for n in range(MARKS)]
    tasks += [
        {"key": "gate", "kind": "gated", "payload": {"gate": line.gate("all")}},
        {"key": "post", "kind": "posted"},
    ]
    plan = line.write(f"{key}.json", json.dumps({"goal": "be on a shard", "tasks": tasks}))
    return ["plan", "--file", plan, "--handlers", str(KINDS), "--idempotency-key", key, "--json"]


def held(line: Line) -> int:
    """Count the tasks that wait for a person."""
    return int(line.rows("SELECT count(*) FROM tasks WHERE status = 'NEEDS_REVIEW'")[0][0])


def shards_on(url: str, line: Line) -> set[int]:
    """Tell which shards' live work is on a node."""
    namespace = line.environment["CHIMERA_NAMESPACE"]
    with Redis.from_url(url, decode_responses=True) as node:
        names = [name for name in node.scan_iter(match=f"{{chimera:{namespace}:*") if "}:t:" in name]
    return {int(name.split(":")[2].rstrip("}")) for name in names}
