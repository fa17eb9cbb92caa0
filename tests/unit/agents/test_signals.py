"""The first signal asks, the second forces."""

import asyncio
import signal

import pytest

from chimera_cli.agents.signals import Signals, listening


@pytest.mark.parametrize(
    ("received", "stop", "force", "code"),
    [
        ([], False, False, 0),
        ([signal.SIGINT], True, False, 0),
        ([signal.SIGTERM], True, False, 0),
        ([signal.SIGINT, signal.SIGINT], True, True, 130),
        ([signal.SIGINT, signal.SIGTERM], True, True, 143),
        ([signal.SIGTERM, signal.SIGTERM, signal.SIGINT], True, True, 130),
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
