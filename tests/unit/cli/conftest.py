import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cli.fakes import settle


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of its own with settings; the process's log is given back afterwards."""
    monkeypatch.chdir(tmp_path)
    settle(tmp_path)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield tmp_path
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)
