import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chimera_cli.simulation.chaos.mischief import COMMAND, DRAIN, HOLD, ask, comply, withdraw


@contextmanager
def signals() -> Iterator[list[int]]:
    """Count the signals to end that this process gets."""
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        yield heard
    finally:
        signal.signal(signal.SIGTERM, before)


def test_nothing_is_done_unless_it_is_asked_for(tmp_path: Path) -> None:
    with signals() as heard:
        comply(tmp_path, "one")
    assert heard == []


@pytest.mark.parametrize("word", [DRAIN, COMMAND])
def test_one_task_signals_its_process_once(word: str, tmp_path: Path) -> None:
    ask(tmp_path, word)
    with signals() as heard:
        for task in ("one", "two", "one"):
            comply(tmp_path, task)
    assert heard == [signal.SIGTERM]


def test_one_task_keeps_to_what_it_is_asked_each_time_that_it_runs(tmp_path: Path) -> None:
    ask(tmp_path, HOLD, 0.0)
    comply(tmp_path, "one")
    comply(tmp_path, "two")
    assert [file.name for file in tmp_path.iterdir()] == ["hold.one"]


def test_what_is_withdrawn_is_asked_of_no_task(tmp_path: Path) -> None:
    ask(tmp_path, HOLD, 60.0)
    ask(tmp_path, DRAIN)
    (tmp_path / "hold.one").write_text("60")
    withdraw(tmp_path)
    with signals() as heard:
        comply(tmp_path, "one")
    assert heard == []
    assert list(tmp_path.iterdir()) == []
