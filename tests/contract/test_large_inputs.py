"""Outputs of a megabyte reach those that depend on them, and are put back, in bounded calls; too much fails one task."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from chimera_cli.models.delivery import Delivery, Stage
from chimera_cli.models.task import TaskStatus
from tests.builders import GOAL, a_goal, a_result, a_spec
from tests.contract.swarm_pair import Pair, open_pair

pytestmark = pytest.mark.integration

LARGE = '"' * 500_000
"""As JSON one million bytes."""
OTHER = "b" * 20


@pytest_asyncio.fixture
async def pair(redis_url: str, fresh_database: str) -> AsyncIterator[Pair]:
    async with open_pair(redis_url, fresh_database) as opened:
        yield opened


async def parents(pair: Pair, count: int) -> tuple[str, ...]:
    """Finish tasks with large outputs, of a goal that goes on."""
    keys = tuple(f"p{n}" for n in range(count))
    await pair.submit(GOAL, a_spec("stay", kind="other"), *map(a_spec, keys))
    for _ in keys:
        await pair.queue.complete((await pair.claim(kinds=["noop"])).lease, a_result(LARGE))
        await pair.orchestrator.record()
    return keys


async def test_many_tasks_with_large_inputs_keep_no_other_goal_waiting(pair: Pair) -> None:
    keys = await parents(pair, 5)
    await pair.record.add_tasks(GOAL, [a_spec(f"c{n}", depends_on=keys) for n in range(24)])
    await pair.record.submit(a_goal(OTHER), [a_spec("o", kind="another")])
    await pair.orchestrator.dispatch()
    assert await pair.record.undispatched() == 0
    assert (await pair.claim(kinds=["another"])).key == "o"
    assert (await pair.claim(kinds=["noop"])).inputs == dict.fromkeys(keys, LARGE)


async def test_large_inputs_are_put_back_after_a_loss(pair: Pair) -> None:
    keys = await parents(pair, 5)
    await pair.record.add_tasks(GOAL, [a_spec(f"c{n}", depends_on=keys) for n in range(24)])
    await pair.orchestrator.dispatch()
    await pair.orchestrator.record()
    await pair.put_back({})
    await pair.orchestrator.reconcile()
    agents = [f"agent-{n}" for n in range(30)]
    claimed = await pair.queue.pop_tasks(Stage.WORK, agents, kinds=["noop"])
    assert [one.inputs for one in claimed if isinstance(one, Delivery)] == [dict.fromkeys(keys, LARGE)] * 24


@pytest.mark.parametrize(
    "known", ["before its parents end", "after its parents ended", "after its parents ended, and lost"]
)
async def test_a_task_whose_inputs_are_too_much_fails_and_says_so(pair: Pair, known: str) -> None:
    if known == "before its parents end":
        keys = tuple(f"p{n}" for n in range(17))
        await pair.submit(
            GOAL, a_spec("stay", kind="other"), a_spec("child", kind="child", depends_on=keys), *map(a_spec, keys)
        )
        for _ in keys:
            await pair.queue.complete((await pair.claim(kinds=["noop"])).lease, a_result(LARGE))
    else:
        keys = await parents(pair, 17)
        await pair.record.add_tasks(GOAL, [a_spec("child", kind="child", depends_on=keys), a_spec("small")])
        if known.endswith("lost"):
            await pair.put_back({})
        await pair.orchestrator.tick()
        assert (await pair.claim(kinds=["noop"])).key == "small"
    await pair.orchestrator.record()
    child = await pair.task(GOAL, "child")
    assert child.status is TaskStatus.FAILED
    assert child.error == "the outputs that it depends on are more than 16 MiB together"
