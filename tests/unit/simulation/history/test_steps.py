import re
from pathlib import Path

from chimera_cli.models.identity import shard_of as shard_of_the_swarm
from chimera_cli.simulation.history.digests import shard_of
from chimera_cli.simulation.history.steps import LEGAL

STATES = Path(__file__).parents[4] / "docs" / "task-states.md"


def test_the_checkers_own_table_of_steps_is_the_documented_one() -> None:
    arrows = re.findall(r"^ +([A-Z_]+) --> ([A-Z_]+):", STATES.read_text("utf-8"), re.M)
    documented: dict[str, set[str]] = {}
    for source, target in arrows:
        documented.setdefault(source, set()).add(target)
    assert {source: set(targets.split()) for source, targets in LEGAL.items()} == documented


def test_the_checkers_own_shards_are_the_swarms() -> None:
    goals = [f"{number:020x}" for number in range(100)]
    assert [shard_of(goal, 7) for goal in goals] == [shard_of_the_swarm(goal, 7) for goal in goals]
