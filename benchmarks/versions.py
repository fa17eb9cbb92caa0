"""On what was measured: the machine, and the version of everything that took part."""

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.peer import interpreter
from chimera_cli.local import binaries


def machine() -> dict[str, str | int]:
    """Describe the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cores": os.cpu_count() or 0, "GiB": round(memory / 2**30), "system": platform.system()}


def versions(peers: Sequence[str], venvs: Path | None) -> dict[str, str]:
    """Tell the versions of Python, of the servers, of chimera with what it stands on, and of each peer."""
    found = {
        "Python": platform.python_version(),
        "Redis": _said(binaries.redis_server()),
        "PostgreSQL": _said(binaries.postgres_binaries().postgres),
        "chimera": version("chimera-swarm"),
        "redis-py": version("redis"),
    }
    return {**found, **{name: _installed(name, interpreter(name, venvs)) for name in peers}}


def _said(program: Path) -> str:
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"(?:v=|\) )(\d+(?:\.\d+)+)", told)
    return match[1] if match else told.strip()


def _installed(name: str, python: Path) -> str:
    asked = f"from importlib.metadata import version; print(version({name!r}))"
    return subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True).stdout.strip()
