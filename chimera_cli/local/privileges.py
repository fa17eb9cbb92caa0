"""Running PostgreSQL for root: it refuses to be root, so a plain user of the machine serves instead."""

import os
import shutil
import stat
from pathlib import Path

from chimera_cli.exceptions import ConfigError

PLAIN_USERS = ("postgres", "nobody")
"""Users that exist without our making one, best first."""


def plain_user() -> str | None:
    """Name the user that runs PostgreSQL for root; None for everybody else, who runs it himself.

    Raises:
        ConfigError: Root has no such user at hand.
    """
    if os.geteuid() != 0:
        return None
    import pwd  # Unix only, and needed only by root

    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in PLAIN_USERS:
        if name in known:
            return name
    raise ConfigError(
        "PostgreSQL refuses to run as root, and there is no plain user", hint="run chimera as a plain user"
    )


def group_of(user: str | None) -> int | None:
    """Return a user's own group; None for none."""
    if user is None:
        return None
    import pwd  # Unix only, and needed only by root

    return pwd.getpwnam(user).pw_gid


def let_in(user: str, folder: Path, installation: Path) -> None:
    """Give a user the data folder, and let him pass through the folders above it and above the programs.

    Passing needs the search bit only: the folders above stay unreadable, nobody can list them. Where a folder's group has no
    rights, his group gets that bit, and all others still have none.
    """
    shutil.chown(folder, user)
    for parent in {*folder.parents, *installation.resolve().parents}:
        _let_pass(user, parent)
    if _others_may(installation / "bin" / "postgres", stat.S_IROTH | stat.S_IXOTH):
        return
    # Installed under a strict umask: the programs belong to a public wheel, reading them tells nothing.
    for path in [installation, *installation.rglob("*")]:
        executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
        _add(path, stat.S_IROTH | (stat.S_IXOTH if executable else 0))


def _let_pass(user: str, folder: Path) -> None:
    found = folder.stat()
    of_group = found.st_mode & stat.S_IRWXG
    if found.st_mode & stat.S_IXOTH or (found.st_gid == group_of(user) and of_group & stat.S_IXGRP):
        return
    if of_group:
        _add(folder, stat.S_IXOTH)
    else:
        shutil.chown(folder, group=group_of(user) or 0)
        _add(folder, stat.S_IXGRP)


def _others_may(path: Path, bits: int) -> bool:
    return path.stat().st_mode & bits == bits


def _add(path: Path, bits: int) -> None:
    if not _others_may(path, bits):
        path.chmod(stat.S_IMODE(path.stat().st_mode) | bits)
