"""The schema on a real Postgres: migrated is what the rows say, and roles notice when it is not."""

import asyncio
import threading
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlalchemy import CheckConstraint, NullPool, create_engine

from chimera_cli.adapters import event_rows, identity_rows, order_rows, recovery_rows, review_rows, rows, schema
from chimera_cli.adapters.postgres_engine import check_schema, driver_url, open_engine
from chimera_cli.adapters.postgres_errors import postgres_errors
from chimera_cli.adapters.postgres_outbox import PostgresOutbox
from chimera_cli.adapters.postgres_record import PostgresRecord
from chimera_cli.adapters.row import Row
from chimera_cli.exceptions import BackendUnavailable, ConfigError, SchemaOutdated
from tests.contract.postgres_life import a_goal, specs

pytestmark = pytest.mark.integration
MODULES = (rows, event_rows, identity_rows, order_rows, recovery_rows, review_rows)
ROWS = [item for module in MODULES for item in vars(module).values()]


def test_the_migrated_schema_is_what_the_rows_say(fresh_database: str) -> None:
    engine = create_engine(driver_url(fresh_database), poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Row.metadata) == []
        stored = connection.exec_driver_sql("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'")
        partial = {name for name, definition in stored if " WHERE " in definition}
        checks = connection.exec_driver_sql("SELECT conname FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0")
        assert {name for (name,) in checks} == _checks()
    assert partial == {
        "audit_by_card",
        "cards_pending",
        "cards_unresumed",
        "events_executed",
        "orders_open",
        "tasks_live",
        "tasks_live_by_goal",
        "tasks_to_execute",
        "tasks_undispatched",
    }


def _checks() -> set[str]:
    declared = [one for table in Row.metadata.tables.values() for one in table.constraints]
    return {str(one.name) for one in declared if isinstance(one, CheckConstraint)}


def test_the_rows_mix_with_no_other_tables(fresh_database: str) -> None:
    assert {
        row.__tablename__ for row in ROWS if isinstance(row, type) and issubclass(row, Row) and row is not Row
    } == set(Row.metadata.tables)


def test_the_named_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", "chimera_cli.adapters:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == schema.HEAD


def test_migrations_at_once_and_again_make_the_schema_once(empty_database: str) -> None:
    assert schema.current(empty_database) is None
    failures: list[BaseException] = []

    def migrate() -> None:
        try:
            schema.upgrade(empty_database)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=migrate) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert failures == []
    schema.upgrade(empty_database)
    assert schema.current(empty_database) == schema.HEAD


BEYOND = ("infinity", "-infinity", "294276-01-01Z", "10000-01-01Z", "0044-03-15Z BC")
"""Moments that Postgres has and Python has not."""


async def test_deadlines_beyond_the_calendar_are_brought_within_it_and_no_longer_stored(fresh_database: str) -> None:
    engine = open_engine(fresh_database)
    record = PostgresRecord(engine)
    goal = a_goal(uuid4)
    await record.submit(goal, specs(*(f"t{n}" for n in range(len(BEYOND))), "never"))
    with psycopg.connect(fresh_database, autocommit=True) as connection:
        connection.execute("ALTER TABLE tasks DROP CONSTRAINT tasks_deadline")
        connection.execute("UPDATE alembic_version SET version_num = '0004'")
        for number, moment in enumerate(BEYOND):
            connection.execute("UPDATE tasks SET deadline = %s WHERE key = %s", (moment, f"t{number}"))
    migrate_only("0005", fresh_database)
    years = [task.deadline and task.deadline.year for task in await record.tasks(goal_id=goal.id)]
    assert years == [9000, 1970, 9000, 9000, 1970, None]
    async with record.dispatching() as dispatches:
        assert len(dispatches) == len(years)
    with psycopg.connect(fresh_database, autocommit=True) as connection:
        for moment in BEYOND:
            with pytest.raises(psycopg.errors.CheckViolation):
                connection.execute("UPDATE tasks SET deadline = %s", (moment,))
    await engine.dispose()


def migrate_only(revision: str, database_url: str) -> None:
    """Run one migration on a database that has all the later ones."""
    migrating = create_engine(driver_url(database_url), poolclass=NullPool)
    with migrating.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", "chimera_cli.adapters:migrations")
        command.upgrade(config, revision)
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{schema.HEAD}'")


async def test_an_empty_database_is_told_from_a_migrated_one(empty_database: str, fresh_database: str) -> None:
    migrated, empty = open_engine(fresh_database), open_engine(empty_database)
    try:
        await check_schema(migrated)
        with pytest.raises(SchemaOutdated, match="empty") as outdated:
            await check_schema(empty)
        assert outdated.value.hint == "chimera db migrate"
        with pytest.raises(SchemaOutdated):
            await PostgresOutbox(empty).posts()
    finally:
        await migrated.dispose()
        await empty.dispose()


async def test_a_schema_of_another_release_is_named(fresh_database: str) -> None:
    with psycopg.connect(fresh_database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    engine = open_engine(fresh_database)
    with pytest.raises(SchemaOutdated, match="9999") as outdated:
        await check_schema(engine)
    assert (outdated.value.found, outdated.value.expected) == ("9999", schema.HEAD)
    await engine.dispose()
    with pytest.raises(SchemaOutdated, match="9999"):
        schema.upgrade(fresh_database)


@pytest.mark.parametrize("part", ["password", "user", "database"])
async def test_a_refused_log_in_is_a_configuration_error(fresh_database: str, part: str) -> None:
    url = driver_url(fresh_database)
    wrong = {
        "password": url.set(password="no-such-secret"),
        "user": url.set(username="nobody-here"),
        "database": url.set(database="nowhere"),
    }[part].render_as_string(hide_password=False)
    engine = open_engine(wrong)
    with pytest.raises(ConfigError) as refused:
        await PostgresRecord(engine).now()
    assert refused.value.exit_code == 6
    assert "no-such-secret" not in str(refused.value)
    await engine.dispose()
    with pytest.raises(ConfigError):
        schema.current(wrong)


async def test_a_server_that_is_not_there_is_unavailable(fresh_database: str) -> None:
    url = driver_url(fresh_database).set(port=1).render_as_string(hide_password=False)
    engine = open_engine(url)
    with pytest.raises(BackendUnavailable, match="Postgres"):
        await PostgresRecord(engine).now()
    await engine.dispose()
    with pytest.raises(BackendUnavailable):
        schema.upgrade(url)


async def test_a_connection_cut_in_the_pool_is_replaced(fresh_database: str) -> None:
    engine = open_engine(fresh_database)
    record = PostgresRecord(engine)
    await record.now()
    cut_connections(fresh_database)
    assert await record.ledger()
    await engine.dispose()


async def test_a_connection_cut_in_the_middle_is_unavailable_and_writes_nothing(fresh_database: str) -> None:
    engine = open_engine(fresh_database)
    record = PostgresRecord(engine)

    async def dispatch() -> None:
        async with record.dispatching():
            cut_connections(fresh_database)

    await record.submit(a_goal(uuid4), specs("a"))
    with pytest.raises(BackendUnavailable):
        await dispatch()
    assert await record.undispatched() == 1
    await engine.dispose()


async def test_a_statement_without_an_answer_is_given_up(fresh_database: str) -> None:
    engine = open_engine(fresh_database, answer_within=timedelta(milliseconds=300))

    async def never_answered() -> None:
        with postgres_errors():
            async with engine.connect() as connection:
                await connection.exec_driver_sql("SELECT pg_sleep(60)")

    with pytest.raises(BackendUnavailable, match=r"no answer within 0\.3 s"):
        await asyncio.wait_for(never_answered(), 5)
    assert await PostgresRecord(engine).now()
    await engine.dispose()


def cut_connections(database: str) -> None:
    """End every other session of a database, as a restart of the server does."""
    others = sql.SQL(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with psycopg.connect(database) as connection:
        connection.execute(others)
