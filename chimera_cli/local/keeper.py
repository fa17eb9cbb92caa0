"""Ends what a simulation has started when the simulation itself is gone, however it went: a process that waits for that.

Run as a file, by the simulation, with a pipe as its stdin, through which nothing comes but its end. Imports nothing beyond the
standard library, and not the package, so that it is there before the first server.
"""

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator

VARIABLE = "KEPT_BY_CHIMERA"
"""Variable by which a process is known as the simulation's, also one that its children started. Its value is drawn for each run."""
GRACE_S = 5.0
"""How long processes may take to end by themselves: servers write out, PostgreSQL gives its shared memory back."""
POLL_S = 0.05


def main(token: str, folder: str) -> None:
    """Wait for the end of stdin, then end every process with the token, and remove the folder unless its name is empty."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdin.buffer.read()
    end_all(token)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


def end_all(token: str) -> None:
    """End every process with the token: with SIGINT, which PostgreSQL and Redis take for a shutdown, then by force."""
    end = time.monotonic() + GRACE_S
    asked: set[int] = set()
    while left := set(processes(token)):
        late = time.monotonic() > end
        for pid in left if late else left - asked:
            _send(pid, signal.SIGKILL if late else signal.SIGINT)
        asked |= left
        time.sleep(POLL_S)


def processes(token: str) -> Iterator[int]:
    """Name the processes that were started with the token, zombies aside; none where there is no /proc."""
    mark = f"{VARIABLE}={token}".encode()
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if name.isdigit() and int(name) != os.getpid() and mark in _environment(name):
            yield int(name)


def _environment(pid: str) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except OSError:
        return


if __name__ == "__main__":
    main(*sys.argv[1:])
