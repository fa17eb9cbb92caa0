import json
from datetime import timedelta
from io import StringIO

import pytest
from rich.console import Console

from chimera_cli.models.snapshot import Snapshot
from chimera_cli.views.live import watch_board, watch_lines
from tests.unit.views.test_swarm import a_member, a_snapshot


class Looks:
    """Hands out snapshots and ends the watching after the last one."""

    def __init__(self, *snapshots: Snapshot) -> None:
        self._left = list(snapshots)
        self.slept: list[timedelta] = []

    async def take(self) -> Snapshot:
        if not self._left:
            raise EOFError
        return self._left.pop(0)

    async def sleep(self, period: timedelta) -> None:
        self.slept.append(period)


def a_screen() -> Console:
    return Console(file=StringIO(), width=100, height=50, force_terminal=True, legacy_windows=False, color_system=None)


async def bytes_for(*snapshots: Snapshot) -> str:
    screen, looks = a_screen(), Looks(*snapshots)
    with pytest.raises(EOFError):
        await watch_board(screen, looks.take, looks.sleep)
    assert looks.slept == [timedelta(seconds=1)] * len(snapshots)
    return screen.file.getvalue()  # type: ignore[attr-defined, no-any-return]


async def test_the_board_lives_on_the_alternate_screen_and_gives_it_back() -> None:
    written = await bytes_for(a_snapshot(a_member(1)))
    assert written.startswith("\x1b[?1049h") or "\x1b[?1049h" in written
    assert "\x1b[?1049l" in written


async def test_an_identical_frame_costs_nothing() -> None:
    once = await bytes_for(a_snapshot(a_member(1)))
    assert await bytes_for(a_snapshot(a_member(1)), a_snapshot(a_member(1))) == once
    assert len(await bytes_for(a_snapshot(a_member(1)), a_snapshot(a_member(2)))) > len(once)


async def test_watching_as_json_writes_an_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    looks = Looks(a_snapshot(), a_snapshot())
    with pytest.raises(EOFError):
        await watch_lines(looks.take, looks.sleep, as_json=True)
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["queues"]["waiting"] for line in lines] == [3, 3]


async def test_watching_in_a_pipe_writes_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    looks = Looks(a_snapshot())
    with pytest.raises(EOFError):
        await watch_lines(looks.take, looks.sleep, as_json=False)
    assert "queue\twaiting\t3\t1m15s" in capsys.readouterr().out.splitlines()
