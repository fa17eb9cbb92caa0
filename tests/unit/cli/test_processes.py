import os
import signal
import sys
import textwrap
from pathlib import Path

import pytest

from chimera_cli.cli import processes
from tests.unit.cli.fakes import python

PARENT = """
import asyncio, sys
from chimera_cli.cli import processes
processes.COMMAND = (sys.executable, "-c", sys.argv[1])
processes.FIRST_PAUSE_S, processes.MOST_DEATHS = 0.001, 3
print("code", asyncio.run(processes.run_processes(2, print, sys.argv[2:])), flush=True)
"""


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["worker", "--processes", "3", "--burst"], ["worker", "--burst"]),
        (["worker", "--processes=3", "--count", "5"], ["worker", "--count", "5"]),
        (["-q", "worker"], ["-q", "worker"]),
    ],
)
def test_children_get_the_same_command_line_without_processes(given: list[str], kept: list[str]) -> None:
    assert processes.without_processes(given) == kept


def parent(child: str, *arguments: str) -> list[str]:
    return python("-c", PARENT, textwrap.dedent(child), *arguments).stdout.splitlines()


def test_each_child_runs_the_command_line_and_success_is_0() -> None:
    lines = parent(
        "import os, sys; os.write(1, repr(sys.argv[1:]).encode() + bytes([10]))",
        "worker",
        "--processes",
        "2",
        "--burst",
    )
    assert [line.partition(", '--parent', ")[0] for line in lines] == ["['worker', '--burst'"] * 2 + ["code 0"]


def test_a_child_that_fails_is_told_and_makes_the_whole_fail() -> None:
    lines = parent("import sys; sys.exit(6)")
    assert sum("ended with 6; the others go on" in line for line in lines) == 2
    assert lines[-1] == "code 6"


def test_a_child_that_dies_is_replaced_until_it_has_died_too_often_in_a_row() -> None:
    lines = parent("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert sum("was killed by signal 9; another takes its place" in line for line in lines) == 4
    assert sum("was killed by signal 9; the others go on" in line for line in lines) == 2
    assert lines[-1] == "code 1"


def test_a_child_that_ends_in_order_although_it_was_not_told_to_is_replaced_too() -> None:
    lines = parent("import sys; sys.exit(0)")
    assert sum("ended with 0; another takes its place" in line for line in lines) == 4
    assert lines[-1] == "code 1"


def test_a_child_that_takes_a_dead_ones_place_may_end_well() -> None:
    lines = parent(
        """
        import os, sys
        try:
            os.mkdir("died")
        except FileExistsError:
            sys.exit(0)
        os._exit(3)
    """,
        "--burst",
    )
    assert sum("ended with 3; another takes its place" in line for line in lines) == 1
    assert lines[-1] == "code 0"


@pytest.mark.parametrize(("sent", "got"), [("SIGTERM", "SIGTERM"), ("SIGINT", "SIGINT"), ("SIGHUP", "SIGHUP")])
def test_a_signal_to_the_parent_reaches_every_child_once(sent: str, got: str) -> None:
    # The last child that listens, and only one, sets the parent off.
    child = f"""
        import os, signal, sys, time
        def told(number, frame):
            os.write(1, (signal.Signals(number).name + chr(10)).encode())
            sys.exit(0)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, told)
        os.mkdir(sys.argv[1] + "/" + str(os.getpid()))
        if len(os.listdir(sys.argv[1])) == 2:
            try:
                os.mkdir("sent")
            except FileExistsError:
                pass
            else:
                os.kill(os.getppid(), signal.{sent})
        time.sleep(5)
        sys.exit(3)
    """
    folder = Path("ready")
    folder.mkdir()
    assert parent(child, str(folder)) == [got] * 2 + ["code 0"]


def test_the_command_of_a_child_is_this_program() -> None:
    assert processes.COMMAND == (sys.executable, "-m", "chimera_cli")
    assert signal.SIGHUP in processes.PASSED_ON
    assert os.sep in sys.executable
