"""The drill as a command of its own, and what it must not leave behind."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LONGEST_S = 300
"""Far more than a run takes, for machines that do many things at once."""


def drill(folder: Path, *arguments: str, package: Path = ROOT) -> subprocess.Popen[str]:
    """Start a drill whose temporary files go below the folder, with the package that lies in another one."""
    path = os.pathsep.join(filter(None, [str(package), os.environ.get("PYTHONPATH", "")]))
    return subprocess.Popen(
        [sys.executable, "-m", "chimera_cli", "simulate", "--chaos", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "TMPDIR": str(folder)},
    )


def lines(shown: str) -> list[Any]:
    """Read a JSON document a line."""
    return [json.loads(line) for line in shown.splitlines()]


def left_behind(folder: Path) -> list[str]:
    """Name the processes that still work in the folder, and the files in it."""
    processes = [
        file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        for file in Path("/proc").glob("[0-9]*/cmdline")
        if file.exists() and str(folder).encode() in file.read_bytes()
    ]
    return [*processes, *(str(path) for path in folder.iterdir())]
