"""Files with secrets in them."""

import os
from pathlib import Path


def write_private(file: Path, text: str, *, exclusive: bool = False) -> None:
    """Write a file that nobody else may read, not even for the moment between making and protecting it.

    Raises:
        FileExistsError: `exclusive` was asked for and the file is there.
    """
    flags = os.O_WRONLY | os.O_CREAT | (os.O_EXCL if exclusive else os.O_TRUNC)
    with os.fdopen(os.open(file, flags, 0o600), "w") as stream:
        os.fchmod(stream.fileno(), 0o600)
        stream.write(text)
