import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from chimera_cli.local import privileges

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root hands servers to another user")


@pytest.fixture
def private() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_root_needs_another_user() -> None:
    assert (privileges.plain_user() is None) == (os.geteuid() != 0)


@as_root
def test_the_way_to_the_data_opens_for_passing_only(private: Path) -> None:
    data, programs = private / "deep" / "postgres", private / "programs"
    data.mkdir(mode=0o700, parents=True)
    (programs / "bin").mkdir(parents=True)
    (programs / "bin" / "postgres").touch(mode=0o755)
    privileges.let_in("nobody", data, programs)
    assert mode(private) == 0o701
    assert mode(data) == 0o700
    assert data.owner() == "nobody"


@as_root
def test_programs_installed_under_a_strict_umask_become_readable(private: Path) -> None:
    data, programs = private / "postgres", private / "programs"
    data.mkdir()
    (programs / "bin").mkdir(parents=True, mode=0o700)
    (programs / "bin" / "postgres").touch(mode=0o700)
    (programs / "text").touch(mode=0o600)
    privileges.let_in("nobody", data, programs)
    assert mode(programs / "bin" / "postgres") == 0o705
    assert mode(programs / "text") == 0o604
