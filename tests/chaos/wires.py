"""The real drivers of Redis and Postgres, with a gate on every exchange."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from functools import cache
from typing import Any

import psycopg
from redis.asyncio import BlockingConnectionPool, Connection, Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from chimera_cli.adapters.postgres_connection import PatientConnection
from chimera_cli.adapters.postgres_engine import open_engine
from chimera_cli.adapters.scripts import load_batches, load_scripts
from tests.chaos.gate import Cut, Gate, Side


def gated_redis(url: str, gate: Gate, client: type[Redis] = Redis) -> Redis:
    """Make a client as the product's, whose every command passes the gate."""

    class Wire(Connection):
        said = ""
        asked: tuple[str, ...] = ()

        async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
            self.asked = tuple(told(command))
            self.said = "+".join(dict.fromkeys(self.asked))
            await self._pass(Side.BEFORE)
            await super().send_packed_command(command, check_health)

        async def read_response(self, *args: Any, **kwargs: Any) -> Any:
            answered, self.asked = self.asked[:1], self.asked[1:]
            reply = await super().read_response(*args, **kwargs)
            for name in answered:
                gate.progress.heard(name, reply)
            if self.said:
                await self._pass(Side.AFTER)
                self.said = ""
            return reply

        async def _pass(self, side: Side) -> None:
            try:
                await gate.at(self.said, side)
            except Cut:
                await self.disconnect(nowait=True)
                raise RedisConnectionError("cut") from None

    pool = BlockingConnectionPool.from_url(
        url, connection_class=Wire, max_connections=16, timeout=5, decode_responses=True, protocol=2, socket_timeout=5
    )
    return client.from_pool(pool)


def gated_postgres(url: str, gate: Gate) -> AsyncEngine:
    """Make an engine as the product's, whose every exchange passes the gate."""

    class Wire(PatientConnection):
        said = ""
        sent: asyncio.Future[Any] | None = None

        async def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
            label = self.said or gen.__name__.strip("_").removesuffix("_gen")
            self.said = ""
            await self._pass(label, Side.BEFORE)
            reply = await self._exchange(super().wait(gen, *args, **kwargs))
            await self._pass(label, Side.AFTER)
            return reply

        async def _exchange(self, exchange: Coroutine[Any, Any, Any]) -> Any:
            # What a dead process has sent is done to the end: it can neither take it back nor ask the server to stop.
            self.sent = gate.send(exchange)
            try:
                return await asyncio.shield(self.sent)
            except asyncio.CancelledError:
                if not gate.dead:
                    self.sent.cancel()
                    await asyncio.wait({self.sent})
                raise

        async def close(self) -> None:
            if self.sent is None or self.sent.done():
                await super().close()
            else:
                self.sent.add_done_callback(lambda _: self.pgconn.finish())

        async def _pass(self, label: str, side: Side) -> None:
            try:
                await gate.at(label, side)
            except Cut:
                self.pgconn.finish()
                raise psycopg.OperationalError("cut") from None

    async def connect(*args: Any, **kwargs: Any) -> Wire:
        await gate.thaw()
        connection = await Wire.connect(*args, **kwargs)
        gate.closers.append(connection.pgconn.finish)
        return connection

    engine = open_engine(url)
    listen(engine, connect)
    return engine


def listen(engine: AsyncEngine, connect: Callable[..., Awaitable[Any]]) -> None:
    """Have the engine connect our way, and tell each connection what it is about to say."""

    @event.listens_for(engine.sync_engine, "do_connect")
    def _(_dialect: Any, _record: Any, _args: Any, given: dict[str, Any]) -> None:
        given["async_creator_fn"] = connect

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def _(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        words = statement.split()
        if words[0] == "WITH":  # Such as `WITH stored AS ( INSERT INTO events`: what it writes is its name.
            words = words[4:]
        most = 4 if words[0] == "SELECT" else 3
        connection.connection.driver_connection.said = " ".join(words[:most])[:40]


@cache
def scripts_by_hash() -> dict[bytes, str]:
    """Return the scripts' names by what stands for them on the wire."""
    texts = {text.encode(): name for name, text in (*load_scripts().items(), *load_batches().items())}
    return texts | {hashlib.sha1(text).hexdigest().encode(): name for text, name in texts.items()}


def told(command: Iterable[bytes] | bytes) -> Iterator[str]:
    """Name what each command of a packet asks for."""
    packet, at = command if isinstance(command, bytes) else b"".join(command), 0
    while at < len(packet):
        words, at = one(packet, at)
        script = scripts_by_hash().get(words[1]) if len(words) > 1 else None
        yield script or words[0].decode().lower()


def one(packet: bytes, at: int) -> tuple[list[bytes], int]:
    """Read one command from a packet; return its words and where the next one begins."""
    end = packet.index(b"\r\n", at)
    words, count = [], int(packet[at + 1 : end])
    at = end + 2
    for _ in range(count):
        end = packet.index(b"\r\n", at)
        size = int(packet[at + 1 : end])
        words.append(packet[end + 2 : end + 2 + size])
        at = end + 4 + size
    return words, at
