"""CPU time of whole process trees, from /proc: children that ended meanwhile count with the parent that waited for them."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
"""Grain of the figures: 10 ms on Linux."""


def cpu_s(roots: Iterable[int], proc: Path = Path("/proc")) -> float:
    """Return the CPU time that these processes and all below them have used, user and system."""
    stats = dict(_stats(proc))
    children: dict[int, list[int]] = {}
    for pid, (parent, _) in stats.items():
        children.setdefault(parent, []).append(pid)
    waiting, ticks = list(roots), 0
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, [])
        ticks += stats[pid][1] if pid in stats else 0
    return ticks * TICK_S


def _stats(proc: Path) -> Iterator[tuple[int, tuple[int, int]]]:
    """Give each process with its parent and its ticks: its own, and those of dead children it has waited for."""
    for folder in proc.iterdir():
        if folder.name.isdigit():
            try:
                text = (folder / "stat").read_text()
            except OSError:
                continue  # It ended while we looked.
            # The name before may hold spaces and brackets.
            fields = text.rpartition(")")[2].split()
            yield int(folder.name), (int(fields[1]), sum(map(int, fields[11:15])))
