"""One look for all that housekeeping may find to do in the record: one statement by indexes alone, without a lock."""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from chimera_cli.adapters import postgres_sql as sql
from chimera_cli.ports.record import Chores


async def look(connection: AsyncConnection, older_than: timedelta | None) -> Chores:
    """Say what there is to do; without an age no card is overdue."""
    asked = {"older_than_s": None if older_than is None else older_than.total_seconds()}
    row = (await connection.execute(sql.LOOK_FOR_CHORES, asked)).one()
    return Chores.model_validate(dict(row._mapping))
