import sys
from pathlib import Path

import pytest

from chimera_cli.exceptions import ConfigError
from chimera_cli.local import binaries


def program(folder: Path, name: str, says: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\necho '{says}'\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def without_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])


def test_a_redis_on_path_comes_first(tmp_path: Path) -> None:
    file = program(tmp_path, "redis-server", "Redis server v=8.0.1 sha=0")
    assert binaries.redis_server(str(tmp_path)) == file


@pytest.mark.usefixtures("without_wheels")
def test_valkey_is_as_good(tmp_path: Path) -> None:
    file = program(tmp_path, "valkey-server", "Valkey server v=7.2.4 sha=0")
    assert binaries.redis_server(str(tmp_path)) == file


@pytest.mark.usefixtures("without_wheels")
@pytest.mark.parametrize("says", ["Redis server v=6.0.16 sha=0", "something else"])
def test_a_redis_that_is_too_old_or_odd_is_passed_over(tmp_path: Path, says: str) -> None:
    program(tmp_path, "redis-server", says)
    with pytest.raises(ConfigError, match=r"no redis-server 6\.2"):
        binaries.redis_server(str(tmp_path))


@pytest.mark.usefixtures("without_wheels")
def test_missing_servers_name_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as no_redis:
        binaries.redis_server(str(tmp_path))
    with pytest.raises(ConfigError) as no_postgres:
        binaries.postgres_binaries(path=str(tmp_path))
    assert "chimera-swarm[local]" in no_redis.value.hint
    assert "chimera-swarm[local]" in no_postgres.value.hint


@pytest.mark.usefixtures("without_wheels")
def test_a_postgres_on_path_serves_where_there_is_no_wheel(tmp_path: Path) -> None:
    program(tmp_path / "bin", "initdb", "initdb (PostgreSQL) 16.2")
    program(tmp_path / "bin", "postgres", "postgres (PostgreSQL) 16.2")
    found = binaries.postgres_binaries(path=str(tmp_path / "bin"))
    assert (found.initdb.name, found.postgres.name, found.installation) == ("initdb", "postgres", tmp_path)


@pytest.mark.usefixtures("without_wheels")
def test_data_of_another_release_is_not_opened(tmp_path: Path) -> None:
    program(tmp_path / "bin", "initdb", "initdb (PostgreSQL) 16.2")
    program(tmp_path / "bin", "postgres", "postgres (PostgreSQL) 16.2")
    with pytest.raises(ConfigError, match="made by PostgreSQL 15, here is 16"):
        binaries.postgres_binaries(15, path=str(tmp_path / "bin"))


@pytest.mark.usefixtures("without_wheels")
def test_a_program_that_does_not_run_is_no_server(tmp_path: Path) -> None:
    broken = program(tmp_path, "redis-server", "")
    broken.write_bytes(b"\x7fELF")
    with pytest.raises(ConfigError):
        binaries.redis_server(str(tmp_path))
