"""Behind PgBouncer, as it comes."""

from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from chimera_cli.adapters import schema
from chimera_cli.adapters.health_postgres import postgres_checks
from chimera_cli.adapters.postgres_engine import check_schema, open_engine
from chimera_cli.adapters.postgres_errors import postgres_errors
from chimera_cli.exceptions import ConfigError
from tests.contract.test_transactions import PATH, WANTED, settings
from tests.installed.conftest import Pooler

MODES = ("transaction", "session")
WANTED_HERE = WANTED | {"search_path": PATH}


@pytest.mark.parametrize("mode", MODES)
async def test_every_transaction_has_its_settings_also_on_a_connection_that_others_used(
    pooler_of: Callable[..., Pooler], mode: str
) -> None:
    pooler = pooler_of(mode, servers=1)
    first = open_engine(pooler.url, connections=1)
    if mode == "transaction":
        # A client that does not keep to transactions, and leaves this on the one connection there is.
        with psycopg.connect(pooler.url, autocommit=True) as careless:
            careless.execute("SET statement_timeout = 0; SET search_path = nowhere")
    for _ in range(2):
        async with first.begin() as connection:
            assert await settings(connection) == WANTED_HERE
        with pytest.raises(DBAPIError):
            async with first.begin() as connection:
                await connection.exec_driver_sql("SELECT 1/0")
    await first.dispose()


@pytest.mark.parametrize("mode", MODES)
async def test_a_database_is_migrated_and_looked_at_through_the_pooler(
    pooler_of: Callable[..., Pooler], mode: str
) -> None:
    url = pooler_of(mode).url
    for namespace in ("default", "b"):
        migrated = schema.upgrade(url, namespace)
        engine = open_engine(url, schema=migrated.schema)
        await check_schema(engine)
        await engine.dispose()
    checks = {check.name: check async for check in postgres_checks(url, "default")}
    assert [name for name, check in checks.items() if not check.ok] == []
    assert {"postgres.session", "postgres.prepared"} <= set(checks)


async def test_doctor_finds_out_that_prepared_statements_are_lost_behind_the_pooler(
    pooler_of: Callable[..., Pooler],
) -> None:
    url = f"{pooler_of('transaction', servers=1).url}?prepare_threshold=2"
    checks = {check.name: check async for check in postgres_checks(url, "default")}
    assert not checks["postgres.prepared"].ok
    assert "prepare_threshold" in checks["postgres.prepared"].mend


@pytest.mark.parametrize(
    ("mode", "query", "cure"),
    [("statement", "", "pool_mode"), ("transaction", "?options=-c%20work_mem%3D64kB", "options")],
)
async def test_what_the_pooler_will_never_do_is_a_configuration_error(
    pooler_of: Callable[..., Pooler], mode: str, query: str, cure: str
) -> None:
    engine = open_engine(f"{pooler_of(mode).url}{query}")
    with pytest.raises(ConfigError) as refused, postgres_errors():
        async with engine.begin() as connection:
            await connection.exec_driver_sql("SELECT 1")
    assert refused.value.exit_code == 6
    assert cure in refused.value.hint
    await engine.dispose()


async def test_doctor_names_statement_mode_as_what_no_role_can_work_in(pooler_of: Callable[..., Pooler]) -> None:
    checks = {check.name: check async for check in postgres_checks(pooler_of("statement").url, "default")}
    assert checks["postgres"].ok
    assert {name for name, check in checks.items() if not check.ok} >= {"postgres.session", "postgres.write"}
    assert "pool_mode" in checks["postgres.session"].mend
