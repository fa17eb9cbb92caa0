"""Starting, recognising and ending server processes that outlive the command that started them."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

POLL_S = 0.02
"""How often a waiting loop looks again."""
OF_FOLDER = "CHIMERA_SERVER_OF"
"""Variable of every server's process that names the folder it was started for."""


def free_port() -> int:
    """Name a loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def spawn(
    argv: Sequence[str | Path], *, log: Path, cwd: Path, env: Mapping[str, str] | None = None, user: str | None = None
) -> int:
    """Start a process in a session of its own, so that Ctrl-C in the terminal does not reach it.

    Returns:
        Its process id.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(  # nosec B603 # a list, no shell; each word is ours
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=dict(env) if env is not None else None,
            start_new_session=True,
            **identity(user),
        )
    # The server is meant to outlive this object; Python would warn about that when the object goes.
    process.returncode = 0
    return process.pid


def identity(user: str | None) -> dict[str, Any]:
    """Name the arguments that make `subprocess` run as another user, without any of our groups."""
    if user is None:
        return {}
    import pwd  # Unix only, and needed only by root

    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def is_running(pid: int | None, marks: Sequence[str]) -> bool:
    """Tell whether this process lives and is the one meant: all marks stand in its command line.

    A pid alone proves nothing, the system hands a dead server's number to somebody else.
    """
    if pid is None or pid <= 1:
        return False
    _reap(pid)
    line = _command_line(pid)
    return bool(line) and all(mark in line for mark in marks)


def find(folder: Path, marks: Sequence[str]) -> int | None:
    """Name the process that was started for this folder and has all marks in its command line; None when there is none.

    A command line alone proves nothing either: an editor that has a server's file open names it, too.
    """
    mine = f"{OF_FOLDER}={folder}".encode()
    for file in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mine in file.read_bytes().split(b"\0") and is_running(int(file.parent.name), marks):
                return int(file.parent.name)
    return None


def lives(pid: int) -> bool:
    """Tell whether this process, known to be ours, has not ended yet.

    Apart from `is_running` because in the instant of its exec a process has no command line at all.
    """
    _reap(pid)
    try:
        os.kill(pid, 0)
        # The state follows the name, which may itself hold spaces and brackets.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except OSError:
        return True


def stop(pid: int | None, marks: Sequence[str], *, with_signal: signal.Signals, grace_s: float) -> None:
    """End the process meant, politely first; any other process that now has its number is left alone."""
    for number in (with_signal, signal.SIGKILL):
        if pid is None or not is_running(pid, marks):
            return
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        # Until it is gone altogether it may still hold its port and its files.
        if wait_until(partial(_is_gone, pid), timeout_s=grace_s):
            return


def _is_gone(pid: int) -> bool:
    return not lives(pid)


def wait_until(condition: Callable[[], bool], *, timeout_s: float) -> bool:
    """Look again and again until the condition holds; False when time is up."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(POLL_S)
    return True


def read_pid(file: Path) -> int | None:
    """Read the number in the first line of a pid file; None when there is none."""
    try:
        return int(file.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _reap(pid: int) -> None:
    """Bury our own dead child: until then its number stays taken."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _command_line(pid: int) -> str:
    """Read a process' command line; empty when it is gone or a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        pass
    if Path("/proc/self/cmdline").exists():
        return ""
    asked = ["ps", "-ww", "-o", "args=", "-p", str(pid)]
    told = subprocess.run(asked, capture_output=True, text=True)  # nosec B603 # fixed words and a number
    return told.stdout.strip()
