import asyncio

import pytest

from chimera_cli.handlers.loader import load_handlers
from chimera_cli.models.delivery import Lease, Stage
from chimera_cli.simulation import kinds
from chimera_cli.simulation.extra_tasks import MODULE
from tests.unit.handlers.worlds import FakeState, context


def lease(generation: int) -> Lease:
    return Lease(task_id="t" * 20, goal_id="g" * 20, generation=generation, agent="a", stage=Stage.WORK)


def test_the_kinds_load_as_a_users_module_does() -> None:
    known = load_handlers([MODULE]).kinds()
    assert {"sim.tally", "sim.flaky", "sim.hostage", "sim.step"} <= known.keys()


async def test_a_tally_adds_one_to_what_it_read() -> None:
    assert (await kinds.tally(context(kinds.tally))).changes == {"tally": 1}
    four = FakeState({"tally": (4, 4)})
    assert (await kinds.tally(context(kinds.tally, state=four))).changes == {"tally": 5}


async def test_a_tally_is_bound_to_the_version_before_its_pause() -> None:
    state = FakeState({"tally": (4, 4)})
    ctx = context(kinds.tally, state=state)
    outcome = await kinds.tally(ctx)
    state.values["tally"] = (5, 5)
    (change,) = await ctx.state.bind(outcome.changes)
    assert change.expected == 4


async def test_a_flaky_task_fails_the_first_time_only() -> None:
    with pytest.raises(RuntimeError, match="on purpose"):
        await kinds.flaky(context(kinds.flaky))
    assert (await kinds.flaky(context(kinds.flaky, attempt=2))).output == {"attempt": 2}


async def test_a_hostage_waits_until_its_process_dies() -> None:
    waiting = asyncio.ensure_future(kinds.hostage(context(kinds.hostage, lease=lease(1))))
    done, _ = await asyncio.wait([waiting], timeout=0.01)
    assert not done
    waiting.cancel()


async def test_whoever_takes_a_hostage_over_goes_on_at_once() -> None:
    async with asyncio.timeout(5):
        outcome = await kinds.hostage(context(kinds.hostage, lease=lease(2)))
    assert outcome.output == {"generation": 2}


async def test_a_step_writes_a_key_of_its_own() -> None:
    assert (await kinds.step(context(kinds.step, {"pause_s": 0.0}, key="step-9"))).changes == {"step-9": 1}
