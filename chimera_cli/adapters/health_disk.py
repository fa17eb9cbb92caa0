"""How much room a server's disk has, where the server runs on this machine; else that cannot be known from here."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chimera_cli.adapters.health import GIB, MIB, size
from chimera_cli.models.check import Check

LITTLE, NONE = GIB, 64 * MIB
"""Free bytes below which a disk is worth a look, and below which it is as good as full."""
ROOM = "make room on its disk"


def space_check(name: str, free: int | None, detail: str) -> Check:
    """Judge the free bytes of a server's disk; None when they cannot be known.

    Args:
        name: The check's name.
        free: Free bytes.
        detail: What else there is to say of the disk.
    """
    if free is None:
        return Check(name=name, ok=True, detail=f"{detail}; its free space cannot be known from here")
    told = f"{detail}; {size(free)} free"
    return Check(
        name=name, ok=free >= NONE, warn=NONE <= free < LITTLE, detail=told, mend="" if free >= LITTLE else ROOM
    )


def free_for_redis(info: Mapping[str, Any]) -> int | None:
    """Return the free bytes where a Redis writes, if its process is one of this machine's: it works in its data folder."""
    process = Path("/proc", str(info.get("process_id", "")))
    try:
        ours = os.path.samefile(process / "exe", str(info.get("executable", "")))
        return _free(process / "cwd") if ours else None
    except OSError:
        return None


def free_for_postgres(folder: str, port: int, started: int) -> int | None:
    """Return the free bytes where a PostgreSQL writes, if the folder of that name here is the one of that server.

    Args:
        folder: Its data directory; empty when it does not say.
        port: Its port.
        started: When it was started, in s since 1970.
    """
    try:
        lines = Path(folder, "postmaster.pid").read_text().splitlines()
        ours = int(lines[3]) == port and abs(int(lines[2]) - started) <= 60
        return _free(Path(folder)) if folder and ours else None
    except (OSError, ValueError, IndexError):
        return None


def _free(path: Path) -> int:
    room = os.statvfs(path)
    return room.f_bavail * room.f_frsize
