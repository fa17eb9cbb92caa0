"""The way to the primary that Redis Sentinel names, now and after a failover."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import (
    MasterNotFoundError,
    Sentinel,
    SentinelConnectionPool,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from chimera_cli.adapters.redis_connections import Leaving
from chimera_cli.exceptions import BackendUnavailable, ConfigError

if TYPE_CHECKING:
    from chimera_cli.models.sentinel_url import SentinelUrl

BACKEND = "Redis Sentinel"
ANSWER_WITHIN_S = 1.0
"""Longest wait for a Sentinel, in s: start-up checks must end within 3 s."""
ASK_EVERY_S = 5.0
"""Seconds after which the Sentinels are asked again though all is well: a primary that was cut off from them goes on answering."""

REFUSALS = (ResponseError, AuthenticationError)
"""What is raised by a Sentinel that is there and gives no answer."""

State = Mapping[str, Any]
"""What a Sentinel says of a service."""


class Sentinels(Sentinel):
    """All Sentinels of a URL; of what they say, the newest configuration of a majority counts."""

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        """Return the address of the service's primary.

        Raises:
            MasterNotFoundError: None of them knows a primary that is up.
        """
        answers = await self.ask()
        states = [services[service_name] for services in answers if service_name in services]
        up = [state for state in states if self.check_master_state(dict(state), service_name)]
        if not up:
            words = f"none of {len(self.sentinels)} Sentinels knows a primary of {service_name!r} that is up"
            raise MasterNotFoundError(words if answers else "no Sentinel answers")
        newest = max(up, key=lambda state: int(state.get("config-epoch", 0)))
        return str(newest["ip"]), int(newest["port"])

    async def ask(self) -> list[dict[str, State]]:
        """Return what each Sentinel says of the services that it knows; ends when a majority has answered.

        Raises:
            ResponseError: None answered, and one of them is no Sentinel.
            AuthenticationError: None answered, and one of them refuses us.
        """
        asking = [asyncio.create_task(_services(sentinel)) for sentinel in self.sentinels]
        answers: list[dict[str, State]] = []
        refusals: list[RedisError] = []
        try:
            for answer in asyncio.as_completed(asking):
                try:
                    answers.append(await answer)
                except REFUSALS as error:
                    refusals.append(error)
                except (RedisError, OSError):
                    continue
                if len(answers) > len(asking) / 2:
                    break
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
        if refusals and not answers:
            raise refusals[0]
        return answers


class SentinelPool(SentinelConnectionPool, BlockingConnectionPool):
    """Waits for a free connection, as our other pools do, and leaves a primary that the Sentinels do not name any more."""

    def __init__(self, service: str, sentinels: Sentinels, *, ask_every_s: float = ASK_EVERY_S, **options: Any) -> None:
        super().__init__(service, sentinels, **options)  # type: ignore[no-untyped-call] # redis-py has no types here
        self._ask_every_s = ask_every_s
        self._asked = time.monotonic()
        self._asking: asyncio.Task[None] | None = None

    async def get_connection(self, *args: Any, **options: Any) -> Any:
        """Return a connection to the primary; from time to time the Sentinels are asked beside it."""
        if time.monotonic() - self._asked >= self._ask_every_s and (self._asking is None or self._asking.done()):
            self._asked = time.monotonic()
            self._asking = asyncio.create_task(self._follow(), name="ask the Sentinels")
        return await super().get_connection(*args, **options)  # type: ignore[no-untyped-call] # as above

    async def release(self, connection: Any) -> None:
        """Take a connection back; one to another server than the present primary is closed."""
        if (connection.host, connection.port) != self.master_address:
            await connection.disconnect()
        await super().release(connection)

    async def aclose(self) -> None:
        """Close all connections, also those to the Sentinels."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        await super().aclose()
        await self.sentinel_manager.aclose()

    async def _follow(self) -> None:
        # When no Sentinel answers, the primary that we know is as good as any.
        with suppress(RedisError, OSError):
            await self.get_master_address()  # type: ignore[no-untyped-call] # as above


class ManagedConnection(SentinelManagedConnection, Leaving):
    """By TCP."""


class ManagedTlsConnection(SentinelManagedSSLConnection, Leaving):
    """By TCP and TLS."""


def is_sentinel_url(url: str) -> bool:
    """Tell a Sentinel's URL by its scheme, as models/sentinel_url.py does."""
    return url.partition("://")[0].lower() in ("redis+sentinel", "rediss+sentinel")


def sentinel_client(url: str, options: Mapping[str, Any]) -> Redis:
    """Make a client that follows the primary; nothing connects yet.

    Raises:
        ValueError: It is no Sentinel's URL.
    """
    # Here, for the keeper of leases opens Redis too, and has no other use for pydantic: 8 MB.
    from chimera_cli.models.sentinel_url import read_sentinel_url

    place = read_sentinel_url(url)
    given = {**options, **parse_url(place.server)}
    for name in ("host", "port"):
        given.pop(name, None)
    tls = given.pop("connection_class", None) is SSLConnection
    given["connection_class"] = ManagedTlsConnection if tls else ManagedConnection
    return Redis.from_pool(SentinelPool(place.service, _sentinels(place, given, tls=tls), **given))


def _sentinels(place: "SentinelUrl", given: Mapping[str, Any], *, tls: bool) -> Sentinels:
    shared = {name: value for name, value in given.items() if name.startswith("ssl_")} | ({"ssl": True} if tls else {})
    own = {
        "username": place.username,
        "password": place.password,
        "socket_timeout": ANSWER_WITHIN_S,
        "socket_connect_timeout": ANSWER_WITHIN_S,
        "decode_responses": True,
        "protocol": 2,
        "driver_info": None,
        # Who asks tries again; a client that does so by itself would take seconds.
        "retry": Retry(NoBackoff(), 0),
    }
    return Sentinels(place.sentinels, sentinel_kwargs={**shared, **own})  # type: ignore[no-untyped-call] # as above


async def _services(sentinel: Redis) -> dict[str, State]:
    services: dict[str, State] = await sentinel.sentinel_masters()  # type: ignore[assignment] # it depends on the protocol
    return services


async def check_service(client: Redis) -> None:
    """Make sure that the Sentinels of a client know its service; nothing to do for a client without Sentinels.

    Raises:
        ConfigError: They do not, or are none.
        BackendUnavailable: None of them answers.
    """
    pool = client.connection_pool
    if not isinstance(pool, SentinelPool):
        return
    try:
        answers = await pool.sentinel_manager.ask()
    except AuthenticationError as error:
        raise ConfigError(
            "Redis Sentinel refuses the user or the password",
            hint="REDIS_URL=redis+sentinel://:PASSWORD@HOST/SERVICE/0?sentinel_password=PASSWORD",
        ) from error
    except ResponseError as error:
        if "unknown command" not in str(error).lower():
            raise
        raise ConfigError(
            "REDIS_URL names a Redis server where it should name its Sentinels",
            hint="use the port of the Sentinels, 26379 as a rule, or redis:// for the server itself",
        ) from error
    if not answers:
        raise BackendUnavailable(BACKEND, "none of those in REDIS_URL answers")
    known = names(answers)
    if pool.service_name not in known:
        raise ConfigError(
            f"no Sentinel knows a service {pool.service_name!r}",
            hint=f"correct REDIS_URL: the Sentinels know {', '.join(known) or 'no service at all'}",
        )


def names(answers: Iterable[Mapping[str, State]]) -> list[str]:
    """List the services that Sentinels know."""
    return sorted({name for services in answers for name in services})
