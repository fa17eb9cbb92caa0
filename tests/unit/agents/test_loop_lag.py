import asyncio
from datetime import timedelta

from chimera_cli.agents.loop_lag import LoopLag
from tests.unit.agents.crew_fakes import HandClock


async def test_the_worst_of_all_looks_is_told_once() -> None:
    clock, moments = HandClock(), iter([0.0, 0.1, 10.0, 10.35, 20.0, 20.12, 30.0])
    lag = LoopLag(clock, lambda: next(moments))
    watching = asyncio.create_task(lag.watch())
    await clock.pass_by(0.3)
    assert lag.take() == timedelta(seconds=0.25)
    assert lag.take() == timedelta(0)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_a_sleep_that_was_too_short_is_no_lag() -> None:
    clock, moments = HandClock(), iter([5.0, 5.01, 5.01])
    lag = LoopLag(clock, lambda: next(moments))
    watching = asyncio.create_task(lag.watch())
    await clock.pass_by(0.1)
    assert lag.take() == timedelta(0)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
