import asyncio
import json
import os
import signal
from datetime import timedelta
from typing import Any

import pytest

from chimera_cli.models.snapshot import Snapshot
from tests.unit.cli.fakes import FakeBackend, FakeSwarm, run


def test_status_is_one_document_or_plain_lines() -> None:
    assert json.loads(run("status", "--json").stdout)["queues"]["waiting"] == 3
    assert "queue\twaiting\t3\t-" in run("status").stdout.splitlines()


def test_status_is_drawn_when_colours_are_forced() -> None:
    drawn = run("status", "--color", "always").stdout
    assert "Queues" in drawn
    assert "\x1b[" in drawn
    assert "\t" not in drawn


def test_no_colour_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    drawn = run("status", "--color", "always").stdout
    assert "Queues" in drawn
    assert "\x1b[3" not in drawn


class EndsItself(FakeSwarm):
    """A swarm that is looked at twice; then the signal comes."""

    looks = 0

    def __init__(self, number: signal.Signals) -> None:
        super().__init__()
        self.number = number

    async def snapshot(self) -> Snapshot:
        self.looks += 1
        assert self.looks <= 2, "the signal was not heard"
        if self.looks == 2:
            os.kill(os.getpid(), self.number)
            await asyncio.sleep(timedelta(seconds=5).total_seconds())
        return await super().snapshot()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("how", [("--json",), (), ("--color", "always")])
def test_watching_ends_well_by_a_signal(number: signal.Signals, how: tuple[str, ...]) -> None:
    swarm = EndsItself(number)
    result = run("status", "--watch", *how, backend=FakeBackend(swarm))
    assert (result.exit_code, swarm.looks, result.stderr) == (0, 2, "")
    if how == ("--json",):
        assert [json.loads(line)["queues"]["waiting"] for line in result.stdout.splitlines()] == [3]


def test_watching_gives_the_screen_back() -> None:
    result: Any = run("status", "--watch", "--color", "always", backend=FakeBackend(EndsItself(signal.SIGTERM)))
    assert result.stdout.rstrip().endswith("\x1b[?1049l\x1b[?25h") or "\x1b[?1049l" in result.stdout
