"""What processes use, from /proc for whole trees, or from the kernel's account of a command that has ended."""

import os
import re
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
"""Grain of CPU times in /proc: 10 ms on Linux."""
PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20
PROC = Path("/proc")
PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.M)
LOOK_S = 0.02
"""Time between two looks at a command's memory."""


@dataclass(frozen=True)
class Ended:
    """What a command used from its start to its end."""

    wall_s: float
    """Time that passed."""
    cpu_s: float
    """CPU time of it and its children, user and system."""
    rss_mib: float
    """Most memory it had resident at once, without its children."""
    first_byte_s: float | None = None
    """Time until it said something; None when it said nothing or nobody listened."""


def command(
    words: Sequence[str | Path], environment: Mapping[str, str], folder: Path, *, listen: bool = False
) -> Ended:
    """Run a command to its end, and with `listen` read what it says; else that costs nothing.

    Raises:
        RuntimeError: It ended with an error; carries what it said.
    """
    with (folder / "command.log").open("wb") as log:
        since = time.monotonic()
        out = subprocess.PIPE if listen else subprocess.DEVNULL
        process = subprocess.Popen(words, env=environment, cwd=folder, stdout=out, stderr=log)
        with _peak_of(process.pid) as peak:
            first_byte = _first_byte_s(process.stdout, since)
            # The account of wait4 has its own word for this memory, but begins with ours, from which the process was made.
            _, status, used = os.wait4(process.pid, 0)
            wall = time.monotonic() - since
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError((folder / "command.log").read_text() or f"{words[0]} ended with {process.returncode}")
    return Ended(wall, used.ru_utime + used.ru_stime, max(peak) / 1024, first_byte)


def _first_byte_s(out: IO[bytes] | None, since: float) -> float | None:
    """Read to the end and return how long after `since` the first byte came."""
    if out is None:
        return None
    with out:
        heard = time.monotonic() - since if out.read(1) else None
        out.read()
    return heard


@contextmanager
def _peak_of(pid: int) -> Iterator[Sequence[int]]:
    """Ask a process again and again for the most memory it had, in KiB; the list grows until this ends."""
    peak, over = [0], threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_S):
            try:
                peak.extend(map(int, PEAK.findall((PROC / str(pid) / "status").read_text())))
            except OSError:
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def cpu_s(roots: Iterable[int], proc: Path = PROC) -> float:
    """Return the CPU time that these processes and all below them have used, user and system.

    Children that ended count with the parent that waited for them.
    """
    stats = dict(_stats(proc))
    return sum(stats[pid][1] for pid in _tree(roots, stats)) * TICK_S


def rss_mib(roots: Iterable[int], proc: Path = PROC) -> float:
    """Return the memory that these processes and all below them have resident; what they share counts for each."""
    pages = 0
    for pid in _tree(roots, dict(_stats(proc))):
        try:
            pages += int((proc / str(pid) / "statm").read_text().split()[1])
        except OSError:
            continue  # It ended while we looked.
    return pages * PAGE_MIB


def _tree(roots: Iterable[int], stats: Mapping[int, tuple[int, int]]) -> Iterator[int]:
    children: dict[int, list[int]] = {}
    for pid, (parent, _) in stats.items():
        children.setdefault(parent, []).append(pid)
    waiting = [pid for pid in roots if pid in stats]
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, [])
        yield pid


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
