import os
import sys
from pathlib import Path

import pytest

from benchmarks.usage import TICK_S, command, cpu_s


def process(proc: Path, pid: int, parent: int, *ticks: int, name: str = "python") -> None:
    folder = proc / str(pid)
    folder.mkdir()
    times = " ".join(map(str, ticks))
    (folder / "stat").write_text(f"{pid} ({name}) S {parent} 1 1 0 -1 4194560 100 200 0 0 {times} 20 0 1 0 5000\n")


def test_a_tree_costs_what_its_living_and_its_buried_have_used(tmp_path: Path) -> None:
    process(tmp_path, 10, 1, 1, 2, 3, 4)
    process(tmp_path, 11, 10, 10, 20, 0, 0, name="a (b) c")
    process(tmp_path, 12, 11, 100, 200, 0, 0)
    process(tmp_path, 99, 1, 5000, 5000, 0, 0)
    (tmp_path / "self").mkdir()
    assert round(cpu_s([10], tmp_path) / TICK_S) == 340
    assert round(cpu_s([11, 99], tmp_path) / TICK_S) == 10330


def test_what_is_gone_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    assert cpu_s([7, 8], tmp_path) == 0


def test_this_process_is_found_with_what_it_used() -> None:
    sum(range(3_000_000))
    assert cpu_s([os.getpid()]) > 0


def test_a_command_is_charged_with_what_it_used_itself(tmp_path: Path) -> None:
    work = "import time\nwhile time.process_time() < 0.2: pass"
    used = command([sys.executable, "-c", f"held = bytearray(60_000_000)\n{work}"], dict(os.environ), tmp_path)
    small = command([sys.executable, "-c", work], dict(os.environ), tmp_path)
    assert 50 < used.rss_mib - small.rss_mib < 70
    assert used.cpu_s >= 0.2


def test_a_command_that_fails_is_told_with_its_words(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no such thing"):
        command([sys.executable, "-c", "raise SystemExit('no such thing')"], dict(os.environ), tmp_path)


def test_the_first_byte_comes_before_the_end_and_only_from_who_says_something(tmp_path: Path) -> None:
    says = "import sys; sys.stdout.write('x' * 200_000); sys.stdout.flush(); import http.server"
    used = command([sys.executable, "-c", says], dict(os.environ), tmp_path, listen=True)
    assert used.first_byte_s is not None
    assert 0 < used.first_byte_s < used.wall_s
    assert command([sys.executable, "-c", "pass"], dict(os.environ), tmp_path, listen=True).first_byte_s is None
    assert command([sys.executable, "-c", says], dict(os.environ), tmp_path).first_byte_s is None
