"""Connections that do not stay with a server that has become a replica."""

from typing import Any

from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError, ResponseError

READONLY = "READONLY"
"""A replica's answer to a write; Redis 6.2 puts other words in front of it when a script wrote."""


class Demoted(RedisConnectionError):
    """The server is a replica now; whoever asks again gets a new connection."""


class Leaving(AbstractConnection):
    """Hangs up when the server refuses a write as a replica: its name, or its Sentinels, may lead to another one by now."""

    async def read_response(self, *args: Any, **options: Any) -> Any:
        """Read one reply.

        Raises:
            Demoted: The server is a replica.
        """
        try:
            return await super().read_response(*args, **options)
        except ResponseError as error:
            if not isinstance(error, ReadOnlyError) and READONLY not in str(error):
                raise
            await self.disconnect()
            raise Demoted(f"{READONLY} the server has become a replica") from error


class PlainConnection(Leaving, Connection):
    """By TCP."""


class TlsConnection(Leaving, SSLConnection):
    """By TCP and TLS."""


class SocketConnection(Leaving, UnixDomainSocketConnection):
    """By a socket of this machine."""


LEAVING: dict[type[AbstractConnection], type[AbstractConnection]] = {
    Connection: PlainConnection,
    SSLConnection: TlsConnection,
    UnixDomainSocketConnection: SocketConnection,
}
"""Which connection takes the place of redis-py's own."""
