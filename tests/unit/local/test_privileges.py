import grp
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
    data.parent.mkdir(mode=0o700)
    data.mkdir(mode=0o700)
    (programs / "bin").mkdir(parents=True)
    (programs / "bin" / "postgres").touch(mode=0o755)
    privileges.let_in("nobody", data, programs)
    assert (mode(private), private.group()) == (0o710, grp.getgrgid(privileges.group_of("nobody") or 0).gr_name)
    assert (mode(data), mode(data.parent)) == (0o700, 0o710)
    assert data.owner() == "nobody"


@as_root
def test_a_folder_whose_group_has_rights_keeps_its_group(private: Path) -> None:
    data, programs = private / "shared" / "postgres", private / "programs"
    (programs / "bin").mkdir(parents=True)
    (programs / "bin" / "postgres").touch(mode=0o755)
    data.mkdir(parents=True)
    data.parent.chmod(0o750)
    privileges.let_in("nobody", data, programs)
    assert (mode(data.parent), data.parent.stat().st_gid) == (0o751, os.getgid())


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
