"""A connection that does not wait for ever on a server that is there but frozen, which neither TCP nor the server's own limits
would end."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import psycopg


class PatientConnection(psycopg.AsyncConnection[Any]):
    """Gives up on a statement that the server leaves unanswered, and on itself: what came of the statement is unknown."""

    answer_within: timedelta = timedelta(seconds=75)
    """Longer than the server's own limit for a statement, which is the first to act when the server is well."""

    async def wait(self, *args: Any, **kwargs: Any) -> Any:
        """Drive one exchange with the server, as all statements do.

        Raises:
            psycopg.OperationalError: No answer came in time; the connection is closed.
        """
        try:
            async with asyncio.timeout(self.answer_within.total_seconds()):
                return await super().wait(*args, **kwargs)
        except TimeoutError as error:
            self.pgconn.finish()
            raise psycopg.OperationalError(f"no answer within {self.answer_within.total_seconds():g} s") from error


def connector(answer_within: timedelta) -> Callable[..., Awaitable[PatientConnection]]:
    """Return the function by which an engine connects."""

    async def connect(*args: Any, **kwargs: Any) -> PatientConnection:
        connection = await PatientConnection.connect(*args, **kwargs)
        connection.answer_within = answer_within
        return connection

    return connect
