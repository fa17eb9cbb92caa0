import asyncio
import re
from typing import Any, cast

import pytest
from fakeredis import FakeAsyncRedis

from chimera_cli.adapters.scripts import LONG, Scripts, load_scripts
from chimera_cli.models.task import TRANSITIONS

STATUS_WRITE = re.compile(r"""['"]status['"]\s*,\s*(?:to|spec\.status|['"][A-Z_]+['"])""")


def test_the_scripts_know_exactly_the_transitions_of_live_tasks() -> None:
    legal = re.search(r"local LEGAL = \{(.*)\}", load_scripts()["complete"])
    assert legal
    pairs = set(re.findall(r"\['([A-Z_]+>[A-Z_]+)'\]", legal[1]))
    live = {source: targets for source, targets in TRANSITIONS.items() if not source.terminal}
    assert pairs == {f"{source}>{target}" for source, targets in live.items() for target in targets}


@pytest.mark.parametrize("name", sorted(load_scripts()))
def test_no_script_but_the_transition_and_the_first_push_writes_a_status(name: str) -> None:
    own = load_scripts()[name].split("--[[")[-1]
    writes = [text for text in STATUS_WRITE.findall(own) if "EVENT" not in text]
    assert len(writes) == (1 if name == "push" else 0)


@pytest.mark.parametrize("name", sorted(load_scripts()))
def test_every_script_says_what_it_takes_and_returns(name: str) -> None:
    header = load_scripts()[name].split("--[[")[-1].split("]]")[0]
    assert "Returns" in header
    own = load_scripts()[name].split("]]")[-1]
    assert "KEYS" not in own, "keys come in through transition.lua only"
    for command in ("'KEYS'", "'SCAN'", "'FLUSH"):
        assert command not in own


async def test_a_script_that_the_server_forgot_is_sent_again() -> None:
    client = FakeAsyncRedis(decode_responses=True, protocol=2)
    scripts = Scripts(client)
    assert await scripts.call("sweep", "{t}", 1000, 10) == 0
    await client.script_flush()
    assert await scripts.call("sweep", "{t}", 1000, 10) == 0
    await client.aclose()


@pytest.mark.parametrize("name", sorted(load_scripts()))
def test_whatever_changes_work_asks_first_whether_somebody_vouches(name: str) -> None:
    own = load_scripts()[name].rpartition("--[[")
    asks = "demand_vouched()" in own[0].splitlines() or "demand_vouched()" in own[2] or "unvouched_still(" in own[2]
    assert asks or name in {"counts", "standing", "survey", "probe"} | {
        "fleet",
        "beat",
        "stall",
        "sweep",
        "identity",
        "bind",
        "clock",
    }


class Node:
    """Takes script calls as a cluster's client does, and remembers how many answers came in each."""

    def __init__(self) -> None:
        self.answers: list[int] = []

    async def evalsha(self, _hash: str, _keys: int, _tag: str, _probe: str, *args: str | int) -> list[Any]:
        self.answers.append(max(1, len(args) - 1))
        return ["ok"] if len(args) == 1 else [["ok"]] * (len(args) - 1)


async def test_short_answers_travel_together_and_each_long_one_alone() -> None:
    node = Node()
    scripts = Scripts(cast(Any, node))
    texts = ["short", "x" * LONG, "short", "x" * LONG, "short"]
    assert await asyncio.gather(*(scripts.call("complete", "{t}", text) for text in texts)) == [["ok"]] * len(texts)
    assert sorted(node.answers) == [1, 1, 3]
