"""The record's lock, and the numbers of those who hold it one after the other.

The lock ends with its connection, which its holder may not notice; the number is what the queue tells an old holder by.
"""

from sqlalchemy.ext.asyncio import AsyncConnection

from chimera_cli.adapters import postgres_sql as sql
from chimera_cli.exceptions import BackendUnavailable

EXPECTED = "chimera_expected"
"""Execution option of an engine: the Expected of its process."""


class Expected:
    """Which record a process works with, so that it does not go on with another that appears behind the same URL."""

    def __init__(self) -> None:
        self.id = ""
        """Id of the record; empty before it is known."""
        self.doubted = False
        """Whether another one was met."""

    def compare(self, found: str) -> bool:
        """Tell whether this is the record; remember when it is not."""
        self.doubted = self.doubted or bool(self.id and found != self.id)
        return not self.doubted


async def hold(connection: AsyncConnection, *, wait: bool = True) -> bool:
    """Take the record's lock until the transaction ends; False when somebody has it and `wait` is off."""
    statement = sql.LOCK if wait else sql.TRY_LOCK
    taken = (await connection.execute(statement, {"lock": sql.RECORD_LOCK})).scalar_one()
    return wait or bool(taken)


async def number(connection: AsyncConnection) -> int:
    """Number the turn of whoever holds the lock.

    Raises:
        BackendUnavailable: This is another record than the one that the process works with; its transaction must come to nothing.
    """
    turn, found = (await connection.execute(sql.TAKE_TURN)).one()
    expected = connection.sync_connection.get_execution_options().get(EXPECTED)  # type: ignore[union-attr]
    if expected is not None and not expected.compare(found or ""):
        reason = "it has another identity than before, which is looked into before anything else is done"
        raise BackendUnavailable("Postgres", reason, state="stands still")
    return int(turn)
