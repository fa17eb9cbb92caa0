"""What `chimera doctor` asks Postgres as the roles do: whether settings reach a transaction, and whether statements outlive one."""

from collections.abc import Sequence
from typing import Any

from psycopg.errors import DuplicatePreparedStatement, InvalidSqlStatementName
from sqlalchemy import Row, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from chimera_cli.adapters.postgres_engine import PREPARE, open_engine
from chimera_cli.adapters.postgres_transaction import LIMITS
from chimera_cli.models.check import Check

SETTINGS = text("SELECT name, setting FROM pg_settings WHERE name = ANY(:names)")
POOL_MODE = "have the pooler work in transaction or session mode: pool_mode = transaction"
UNPREPARED = f"take {PREPARE} out of DATABASE_URL, or use PgBouncer 1.21 or newer with max_prepared_statements"
RUNS = 12
"""More than any usual number of runs after which a statement is prepared."""


async def settings_check(url: str, *, schema: str) -> Check:
    """Read the settings back inside of two transactions.

    Raises:
        SQLAlchemyError: Postgres is away, or refuses a statement.
    """
    engine = open_engine(url, schema=schema, connections=1)
    try:
        return judge_settings([await _settings(engine) for _ in range(2)])
    finally:
        await engine.dispose()


async def prepared_check(url: str) -> Check:
    """Run statements over several transactions.

    Raises:
        SQLAlchemyError: Postgres is away, or refuses a statement for another reason.
    """
    first, second = (open_engine(url, connections=1) for _ in range(2))
    try:
        return await _prepared(first, second)
    finally:
        for engine in (first, second):
            await engine.dispose()


def judge_settings(transactions: Sequence[dict[str, str]]) -> Check:
    """Judge what two transactions, one after the other, had for settings."""
    name = "postgres.session"
    wrong = [
        f"{setting} is {found.get(setting, 'unknown')}"
        for found in transactions
        for setting in LIMITS
        if (found.get(setting) != "UTC" if setting == "timezone" else found.get(setting, "0") == "0")
    ]
    if wrong:
        return Check(name=name, ok=False, detail=f"in a transaction {', '.join(dict.fromkeys(wrong))}", mend=POOL_MODE)
    return Check(name=name, ok=True, detail="each transaction has its settings")


async def _settings(engine: AsyncEngine) -> dict[str, str]:
    async with engine.begin() as connection:
        rows: Sequence[Row[Any]] = (await connection.execute(SETTINGS, {"names": ["TimeZone", *LIMITS]})).all()
    return {row.name.lower(): row.setting for row in rows}


async def _prepared(first: AsyncEngine, second: AsyncEngine) -> Check:
    """Run two statements in turns, each on a connection of its own and each run in its own transaction: a pooler that does not
    know prepared statements gives one the other's."""
    name = "postgres.prepared"
    statements = (first, text("SELECT CAST(:n AS integer)"), 1), (second, text("SELECT CAST(:n AS text)"), "one")
    try:
        for _ in range(RUNS):
            for engine, statement, value in statements:
                async with engine.begin() as connection:
                    await connection.execute(statement, {"n": value})
    except DBAPIError as error:
        if not isinstance(error.orig, DuplicatePreparedStatement | InvalidSqlStatementName):
            raise
        return Check(name=name, ok=False, detail="prepared statements are lost behind the pooler", mend=UNPREPARED)
    return Check(name=name, ok=True, detail=f"a statement ran {RUNS} times over as many transactions")
