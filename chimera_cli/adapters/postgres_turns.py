"""The record's lock, and the numbers of those who hold it one after the other.

The lock ends with its connection, which its holder may not notice; the number is what the queue tells an old holder by.
"""

from sqlalchemy.ext.asyncio import AsyncConnection

from chimera_cli.adapters import postgres_sql as sql


async def hold(connection: AsyncConnection, *, wait: bool = True) -> bool:
    """Take the record's lock until the transaction ends; False when somebody has it and `wait` is off."""
    statement = sql.LOCK if wait else sql.TRY_LOCK
    taken = (await connection.execute(statement, {"lock": sql.RECORD_LOCK})).scalar_one()
    return wait or bool(taken)


async def number(connection: AsyncConnection) -> int:
    """Number the turn of whoever holds the lock."""
    turn: int = (await connection.execute(sql.TAKE_TURN)).scalar_one()
    return turn
