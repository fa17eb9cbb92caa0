"""The first signal asks, the second forces."""

import asyncio
import signal

import pytest

from chimera_cli.agents.signals import LOOK, Signals, following, listening
from tests.unit.agents.crew_fakes import HastyClock, quiet


@pytest.mark.parametrize(
    ("received", "stop", "force", "code"),
    [
        ([], False, False, 0),
        ([signal.SIGINT], True, False, 0),
        ([signal.SIGTERM], True, False, 0),
        ([signal.SIGINT, signal.SIGINT], True, True, 130),
        ([signal.SIGINT, signal.SIGTERM], True, True, 143),
        ([signal.SIGTERM, signal.SIGTERM, signal.SIGINT], True, True, 130),
        ([signal.SIGHUP], True, False, 0),
        ([signal.SIGHUP, signal.SIGHUP, signal.SIGHUP], True, False, 0),
        ([signal.SIGHUP, signal.SIGTERM], True, True, 143),
    ],
)
def test_signals_and_what_they_ask_for(received: list[int], stop: bool, force: bool, code: int) -> None:
    signals = Signals()
    for number in received:
        signals.receive(number)
    assert (signals.stop.is_set(), signals.force.is_set(), signals.exit_code) == (stop, force, code)


async def test_real_signals_arrive_while_listening_and_the_old_ways_return_after() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    async with asyncio.timeout(5):
        with listening() as signals:
            signal.raise_signal(signal.SIGTERM)
            await signals.stop.wait()
            signal.raise_signal(signal.SIGINT)
            await signals.force.wait()
    assert signals.exit_code == 130
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


async def test_a_closed_terminal_asks_for_an_end_in_order_unless_that_was_to_be_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with listening() as signals:
            signal.raise_signal(signal.SIGHUP)
            await quiet()
            assert not signals.stop.is_set()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        async with asyncio.timeout(5):
            with listening() as signals:
                signal.raise_signal(signal.SIGHUP)
                await signals.stop.wait()
        assert signals.exit_code == 0
    finally:
        signal.signal(signal.SIGHUP, before)


async def test_the_end_of_the_parent_counts_as_a_signal() -> None:
    signals, clock, parents = Signals(), HastyClock(), [7, 7, 1]
    async with asyncio.timeout(5), following(7, signals, clock, parent_of_this=lambda: parents.pop(0)):
        await signals.stop.wait()
    assert (signals.number, clock.slept, signals.force.is_set()) == (signal.SIGTERM, [LOOK, LOOK], False)


async def test_who_has_no_parent_follows_nobody() -> None:
    async with following(None, Signals(), HastyClock(), parent_of_this=lambda: pytest.fail("asked for a parent")):
        await quiet()
