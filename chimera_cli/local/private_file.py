"""Files and folders with secrets in them."""

import os
import stat
from pathlib import Path

OTHERS = stat.S_IRWXG | stat.S_IRWXO


def write_private(file: Path, text: str, *, exclusive: bool = False) -> None:
    """Write a file that nobody else may read, not even for the moment between making and protecting it.

    Raises:
        FileExistsError: `exclusive` was asked for and the file is there.
    """
    flags = os.O_WRONLY | os.O_CREAT | (os.O_EXCL if exclusive else os.O_TRUNC)
    with os.fdopen(os.open(file, flags, 0o600), "w") as stream:
        os.fchmod(stream.fileno(), 0o600)
        stream.write(text)


def close_to_others(file: Path) -> None:
    """Take away what others may do with a file that is there; ours stays."""
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & OTHERS:
        file.chmod(mode & ~OTHERS)


def private_folder(folder: Path, *, passing: int | None = None) -> None:
    """Make a folder that nobody else may list or enter, or make one so that is there; the umask has no say.

    Args:
        folder: The folder.
        passing: A group that may pass through, if it was let in before.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.stat()
    let_in = found.st_mode & stat.S_IXGRP if found.st_gid == passing else 0
    if stat.S_IMODE(found.st_mode) != 0o700 | let_in:
        folder.chmod(0o700 | let_in)
