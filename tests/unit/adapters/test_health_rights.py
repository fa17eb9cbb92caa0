"""Doctor asks on each table for rights that docs/trust.md has the owner grant."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import psycopg

from chimera_cli.adapters.health_postgres import TABLE, postgres_checks
from chimera_cli.adapters.health_rights import RIGHTS
from chimera_cli.adapters.postgres_engine import driver_url, open_engine
from chimera_cli.adapters.postgres_identity import PostgresIdentity
from chimera_cli.models.check import Check
from chimera_cli.models.pairing import Report

TRUST = Path(__file__).parents[3] / "docs" / "trust.md"
GRANTS = re.compile(r"^(?:GRANT|REVOKE) .+;$", re.M)


@contextmanager
def user(database: str) -> Iterator[tuple[psycopg.Connection, str, str]]:
    """Make a user with the grants of the page; gives the owner's session, the user's name and its URL."""
    name = f"user_{uuid4().hex}"
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'user'".encode())
        try:
            for grant in GRANTS.findall(TRUST.read_text("utf-8")):
                owner.execute(grant.replace("swarm", name))
            yield owner, name, driver_url(database).set(username=name, password="user").render_as_string(False)
        finally:
            owner.execute(f"DROP OWNED BY {name}".encode())
            owner.execute(f"DROP ROLE {name}".encode())


async def looked(url: str) -> dict[str, Check]:
    return {check.name: check async for check in postgres_checks(url, "default")}


async def test_a_user_with_the_grants_of_the_page_is_well(fresh_database: str) -> None:
    with user(fresh_database) as (_, _, url):
        assert {name: check.ok for name, check in (await looked(url)).items()} == dict.fromkeys(
            ("postgres", *TABLE), True
        )


async def test_a_user_with_the_grants_of_the_page_reports_a_process_and_leaves(fresh_database: str) -> None:
    with user(fresh_database) as (_, _, url):
        engine = open_engine(url)
        try:
            identity = PostgresIdentity(engine, "here")
            await identity.report(Report(process="p", role="worker", address="a", run="r", identity="i"))
            assert [report.process for report in await identity.reports(timedelta(hours=1))] == ["p"]
            await identity.leave("p")
        finally:
            await engine.dispose()


async def test_each_table_on_which_a_right_is_missing_is_named_with_its_cure(fresh_database: str) -> None:
    with user(fresh_database) as (owner, name, url):
        owner.execute(f"REVOKE INSERT ON posts, audit FROM {name}".encode())
        owner.execute(f"REVOKE ALL ON cards FROM {name}".encode())
        owner.execute(f"REVOKE USAGE ON SEQUENCE turns FROM {name}".encode())
        check = (await looked(url))["postgres.write"]
    assert not check.ok
    assert check.detail.endswith("audit (INSERT), cards (SELECT INSERT UPDATE), posts (INSERT), turns (USAGE)")
    assert "docs/trust.md" in check.mend


async def test_a_table_that_cannot_even_be_read_to_find_the_schema_is_named_too(fresh_database: str) -> None:
    with user(fresh_database) as (owner, name, url):
        owner.execute(f"REVOKE SELECT ON goals FROM {name}".encode())
        check = (await looked(url))["postgres.write"]
    assert not check.ok
    assert "goals" in check.detail
    assert "docs/trust.md" in check.mend


def test_every_table_and_sequence_of_the_schema_is_asked_for(fresh_database: str) -> None:
    query = """
        SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND (relkind IN ('r', 'p')
            OR relkind = 'S' AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'i'))
    """
    with psycopg.connect(fresh_database) as owner:
        assert {name for (name,) in owner.execute(query)} == set(RIGHTS)
