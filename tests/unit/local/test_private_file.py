import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from chimera_cli.local.private_file import close_to_others, private_folder, write_private


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.touch(mode=0o644)
    write_private(file, "x")
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_there_can_be_spared(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("mine")
    with pytest.raises(FileExistsError):
        write_private(file, "x", exclusive=True)
    assert file.read_text() == "mine"


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o277])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("before", [None, 0o755, 0o777, 0o701, 0o500])
def test_a_private_folder_is_ours_alone_whatever_it_was_and_whatever_the_umask(
    tmp_path: Path, before: int | None
) -> None:
    folder = tmp_path / "data"
    if before is not None:
        folder.mkdir()
        folder.chmod(before)
    private_folder(folder)
    assert mode(folder) == 0o700


def test_a_group_that_was_let_in_may_go_on_passing_and_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o775)
    private_folder(folder, passing=folder.stat().st_gid)
    assert mode(folder) == 0o710
    private_folder(folder, passing=folder.stat().st_gid + 1)
    assert mode(folder) == 0o700


@pytest.mark.usefixtures("umask")
def test_a_private_file_is_ours_alone_whatever_the_umask(tmp_path: Path) -> None:
    write_private(tmp_path / "secret", "x")
    assert mode(tmp_path / "secret") == 0o600


@pytest.mark.parametrize(("before", "after"), [(0o644, 0o600), (0o666, 0o600), (0o440, 0o400), (0o600, 0o600)])
def test_a_file_that_is_there_is_closed_to_others(tmp_path: Path, before: int, after: int) -> None:
    file = tmp_path / ".env"
    file.touch()
    file.chmod(before)
    close_to_others(file)
    assert mode(file) == after
