"""Each transaction has its settings, whatever was on its connection before."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from chimera_cli.adapters import schema
from chimera_cli.adapters.postgres_engine import check_schema, open_blocking_engine, open_engine
from chimera_cli.adapters.postgres_reads import reading
from chimera_cli.exceptions import SchemaOutdated

NAMES = ("statement_timeout", "idle_in_transaction_session_timeout", "TimeZone", "search_path")
WANTED = {"statement_timeout": "1min", "idle_in_transaction_session_timeout": "1min", "TimeZone": "UTC"}
PATH = '"$user", public'


@pytest.fixture
async def single(fresh_database: str) -> AsyncIterator[AsyncEngine]:
    """An engine of one connection, so that each transaction follows on another one's."""
    opened = open_engine(fresh_database, connections=1)
    yield opened
    await opened.dispose()


async def settings(connection: AsyncConnection) -> dict[str, str]:
    return {name: (await connection.exec_driver_sql(f"SHOW {name}")).scalar_one() for name in NAMES}


async def test_every_transaction_of_a_connection_has_its_settings(single: AsyncEngine) -> None:
    for _ in range(2):
        async with single.begin() as connection:
            assert await settings(connection) == WANTED | {"search_path": PATH}
    async with single.connect() as connection:
        assert await settings(connection) == WANTED | {"search_path": PATH}
        await connection.rollback()
        assert await settings(connection) == WANTED | {"search_path": PATH}


async def test_a_transaction_after_one_that_failed_has_its_settings(single: AsyncEngine) -> None:
    for wrong in ("SELECT 1/0", "no SQL at all", "SELECT pg_terminate_backend(pg_backend_pid())"):
        with pytest.raises(DBAPIError):
            async with single.begin() as connection:
                await connection.exec_driver_sql(wrong)
        async with single.begin() as connection:
            assert await settings(connection) == WANTED | {"search_path": PATH}


async def test_what_another_client_left_on_the_connection_does_not_reach_a_transaction(single: AsyncEngine) -> None:
    async with single.begin() as connection:
        for leak in ("search_path = nowhere", "statement_timeout = 0", "timezone = 'Asia/Tokyo'"):
            await connection.exec_driver_sql(f"SET {leak}")
    async with single.begin() as connection:
        assert await settings(connection) == WANTED | {"search_path": PATH}


async def test_nothing_of_the_settings_is_left_on_the_connection(single: AsyncEngine) -> None:
    async with single.begin() as connection:
        await settings(connection)
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        await connection.commit()
        left = await (await driver.execute("SHOW statement_timeout")).fetchone()
    assert left == ("0",)


async def test_a_snapshot_has_its_settings_and_stands_still(single: AsyncEngine) -> None:
    async with reading(single) as session:
        connection = await session.connection()
        assert await settings(connection) == WANTED | {"search_path": PATH}
        level = await connection.exec_driver_sql("SHOW transaction_isolation")
        assert level.scalar_one() == "repeatable read"
    async with single.begin() as connection:
        level = await connection.exec_driver_sql("SHOW transaction_isolation")
        assert level.scalar_one() == "read committed"


async def test_what_the_urls_options_say_holds(fresh_database: str) -> None:
    engine = open_engine(f"{fresh_database}?options=-c%20statement_timeout%3D5min%20-c%20search_path%3Dswarm")
    async with engine.begin() as connection:
        expected = WANTED | {"statement_timeout": "5min", "search_path": "swarm"}
        assert await settings(connection) == expected
    await engine.dispose()


async def test_no_statement_is_prepared_under_a_name_unless_the_url_says_so(fresh_database: str) -> None:
    for url, prepared in ((fresh_database, 0), (f"{fresh_database}?prepare_threshold=2", 1)):
        engine = open_engine(url, connections=1)
        async with engine.begin() as connection:
            for number in range(6):
                await connection.exec_driver_sql("SELECT %(number)s::int", {"number": number})
            names = await connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements")
            assert names.scalar_one() == prepared
        await engine.dispose()


async def test_schemas_of_one_database_have_tables_of_their_own(empty_database: str) -> None:
    odd = 'odd "name"; --'
    for namespace in ("default", odd):
        assert schema.current(empty_database, namespace) is None
        place = schema.upgrade(empty_database, namespace)
        assert schema.current(empty_database, namespace) == schema.HEAD
    assert odd in place.schema
    for name, number in (("public", 0), (place.schema, 1)):
        with open_blocking_engine(empty_database, schema=place.schema).begin() as connection:
            connection.exec_driver_sql("DELETE FROM shards; INSERT INTO shards (shard, last_entry) VALUES (7, '1-1')")
        engine = open_engine(empty_database, schema=name)
        await check_schema(engine)
        async with engine.begin() as connection:
            assert (await connection.exec_driver_sql("SELECT count(*) FROM shards")).scalar_one() == number
        await engine.dispose()
    nowhere = open_engine(empty_database, schema="nowhere")
    with pytest.raises(SchemaOutdated):
        await check_schema(nowhere)
    await nowhere.dispose()
