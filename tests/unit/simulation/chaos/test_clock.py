import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chimera_cli.simulation.chaos.clock import MovableClock, clock_library

LOOK = "import sys, time\nfor line in sys.stdin:\n    print(time.time(), time.monotonic(), flush=True)"


@pytest.mark.skipif(clock_library() is None, reason="no libfaketime for this machine")
def test_a_running_process_sees_its_clock_move_and_measures_time_as_before(tmp_path: Path) -> None:
    clock = MovableClock(tmp_path / "clock")
    process = subprocess.Popen(
        [sys.executable, "-c", LOOK],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **clock.environment()},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        for off in (0, 300, -300, 0):
            clock.move(off)
            process.stdin.write("look\n")
            process.stdin.flush()
            told, measured = map(float, process.stdout.readline().split())
            assert told - time.time() == pytest.approx(off, abs=30)
            assert measured == pytest.approx(time.monotonic(), abs=30)
    finally:
        process.communicate(timeout=30)
