"""A worker spread over several processes: the dead are replaced, and nobody outlives a parent that was killed."""

import os
import signal

from tests.cli.conftest import NewLine
from tests.cli.driver import KINDS, Line


def test_a_killed_child_is_replaced_and_children_end_when_their_parent_was_killed(new_line: NewLine) -> None:
    line = new_line(CHIMERA_LEASE_S="2", CHIMERA_BEAT_S="0.5")
    tasks = [{"key": f"t-{n}", "kind": "gated", "payload": {"gate": line.gate("both")}} for n in range(2)]
    goal = line.submit("outlive a child", tasks)
    parent = line.start("worker", "--processes", "2", "--count", "1", "--handlers", str(KINDS))
    line.until(lambda: len(pids(line)) == 2, "both children are at work")
    victim, other = sorted(pids(line))
    os.kill(victim, signal.SIGKILL)
    line.until(lambda: len(pids(line)) == 3, "another child has taken the task over")
    assert f"process {victim} was killed by signal 9; another takes its place" in parent.said
    [new] = pids(line) - {victim, other}
    parent.signal(signal.SIGKILL)
    line.until(lambda: parent.said.count("draining") == 2, "both children have noticed")
    line.open_gate("both")
    line.until(lambda: not any(alive(pid) for pid in (other, new)), "both children have ended")
    assert line.goal(goal) == "COMPLETED"


def pids(line: Line) -> set[int]:
    return {int(pid) for _, _, pid, _ in line.marked("gated")}


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
