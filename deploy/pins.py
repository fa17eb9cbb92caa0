"""Asks the package index whether anything is known against the pinned releases: `make audit`.

The index is the one that pip is set up with. Exit 0: nothing is known; 1: something is; 2: the index does not tell, so nothing
was checked. It needs the network and is no part of `make check`.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

PINS = Path(__file__).parents[1] / "requirements-dev.txt"
WITHIN_S = 20
FOUND, UNTOLD = 1, 2
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)", re.M)


class Untold(Exception):
    """The index does not say whether a release is known to be dangerous."""


def audit(pins: Iterable[tuple[str, str]], root: str) -> list[str]:
    """Return a line for everything that is known against these releases.

    Raises:
        Untold: The index answers nothing, or says nothing of vulnerabilities.
    """
    return [line for name, version in pins for line in known(name, version, root)]


def known(name: str, version: str, root: str) -> list[str]:
    """Ask for one release."""
    try:
        with urlopen(f"{root}/pypi/{name}/{version}/json", timeout=WITHIN_S) as reply:
            release: dict[str, Any] = json.load(reply)
        told = [each for each in release["vulnerabilities"] if not each.get("withdrawn")]
    except (URLError, HTTPException, OSError, ValueError, KeyError, TypeError) as error:
        raise Untold(f"{name} {version}: {type(error).__name__}: {error}") from error
    return [
        f"{name} {version}: {each.get('id')}, mended in {', '.join(each.get('fixed_in') or ['-'])}" for each in told
    ]


def index_root() -> str:
    """Return the address of pip's index, without the part for installers."""
    told = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True
    )
    if told.returncode == 0 and told.stdout.strip():
        return told.stdout.strip().removesuffix("/").removesuffix("/simple")
    from pip._internal.models.index import PyPI  # pip knows its own default best

    return str(PyPI.url).removesuffix("/")


def main(pins: Path = PINS, root: str | None = None) -> int:
    """Check every pin, say what is known, and return the exit code."""
    found = PIN.findall(pins.read_text("utf-8"))
    try:
        lines = audit(found, index_root() if root is None else root)
    except Untold as error:
        print(
            f"not checked: the package index does not tell what is known against a release ({error})", file=sys.stderr
        )
        return UNTOLD
    print("\n".join(lines) or f"nothing is known against any of the {len(found)} pinned releases")
    return FOUND if lines else 0


if __name__ == "__main__":
    sys.exit(main())
