import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import Servers
from tests.unit.cli.fakes import run

NAME = "for_the_db_command"


@pytest.fixture
def empty_database(servers: Servers, folder: Path) -> Iterator[None]:
    servers.postgres.create_database(NAME)
    url = servers.postgres.url_of(NAME)
    (folder / ".env").write_text(f"DATABASE_URL={url}\nREDIS_URL=redis://127.0.0.1:1/0\n")
    yield
    servers.drop_database(NAME)


@pytest.mark.usefixtures("empty_database")
def test_an_empty_schema_is_told_then_migrated_and_migrating_again_changes_nothing() -> None:
    before = run("db", "status", "--json")
    assert (before.exit_code, json.loads(before.stdout)["current"]) == (6, None)
    assert run("db", "migrate").stdout.startswith("schema empty -> ")
    assert run("db", "status").exit_code == 0
    assert run("db", "migrate").stdout.rstrip().endswith("is up to date")


def test_a_database_that_is_away_exits_5() -> None:
    result = run("db", "status")
    assert result.exit_code == 5
    assert result.stderr.startswith("error: ")
