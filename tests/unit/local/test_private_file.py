from pathlib import Path

import pytest

from chimera_cli.local.private_file import write_private


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
