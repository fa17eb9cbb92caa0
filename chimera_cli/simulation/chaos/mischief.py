"""Mischief that a strike has handlers do to their own process: a file asks for it, and the next task to begin takes it."""

import os
import signal
import subprocess  # nosec B404 # one command without a shell
import time
from pathlib import Path

HOLD = "hold"
"""Asks a task to hold the event loop for the seconds that the file tells, each time that it runs."""
DRAIN = "drain"
"""Asks for one signal to end, by a call of the process itself; a worker may refuse that to its handlers."""
COMMAND = "command"
"""Asks for one signal to end by the command `kill`, which looks as if it came from outside."""


def ask(folder: Path, word: str, seconds: float = 0.0) -> None:
    """Ask the next task that begins for something."""
    draft = folder / f"{word}.draft"
    draft.write_text(str(seconds))
    draft.rename(folder / word)


def withdraw(folder: Path) -> None:
    """Ask for nothing any more, whoever was asked."""
    for word in (HOLD, DRAIN, COMMAND):
        for file in folder.glob(f"{word}*"):
            file.unlink(missing_ok=True)


def comply(folder: Path, task_id: str) -> None:
    """Do what is asked of this task; called by its handler, in the event loop."""
    _take(folder, HOLD, task_id)
    held = folder / f"{HOLD}.{task_id}"
    if held.exists():
        time.sleep(float(held.read_text()))
    if _take(folder, DRAIN, task_id):
        os.kill(os.getpid(), signal.SIGTERM)
    if _take(folder, COMMAND, task_id):
        subprocess.run(["kill", "-TERM", str(os.getpid())], check=True)  # nosec B603 B607 # the system's own


def _take(folder: Path, word: str, task_id: str) -> bool:
    """Take what is asked of any task; of several that try at once, one succeeds."""
    try:
        (folder / word).rename(folder / f"{word}.{task_id}")
    except FileNotFoundError:
        return False
    return True
