"""Whatever a simulation starts ends with it, also when it is killed: the simulation's side of the keeper."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chimera_cli.local import keeper


@contextmanager
def kept(folder: Path, *, keep: bool = False) -> Iterator[None]:
    """Have a keeper watch this process for a while: when the context or the process ends, what was started in between ends too.

    Args:
        folder: Removed then.
        keep: Whether the folder stays.
    """
    token = secrets.token_hex(16)
    argv = [sys.executable, "-S", "-E", keeper.__file__, token, "" if keep else str(folder)]
    environment = {"PATH": os.environ.get("PATH", os.defpath)}
    watcher = subprocess.Popen(argv, stdin=subprocess.PIPE, env=environment, start_new_session=True)  # nosec B603 # fixed words
    # Children inherit it; this process itself is not known by it, for /proc shows what a process was started with.
    os.environ[keeper.VARIABLE] = token
    try:
        yield
    finally:
        del os.environ[keeper.VARIABLE]
        watcher.communicate()
