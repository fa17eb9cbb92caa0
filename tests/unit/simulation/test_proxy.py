import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from chimera_cli.simulation.proxy import HOST, Weather, Wire

WITHIN_S = 30
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(1000):
        writer.write(piece)
    writer.close()


@asynccontextmanager
async def wired() -> AsyncIterator[Wire]:
    server = await asyncio.start_server(echo, HOST, 0)
    wire = Wire(server.sockets[0].getsockname()[1])
    await wire.open()
    yield wire
    wire.close()
    server.close()


@asynccontextmanager
async def connected(wire: Wire) -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection(HOST, wire.port)
    yield reader, writer
    writer.transport.abort()


async def answer(connection: Connection, words: bytes) -> bytes:
    connection[1].write(words)
    async with asyncio.timeout(WITHIN_S):
        return await connection[0].readexactly(len(words))


async def test_in_fair_weather_everything_passes() -> None:
    async with wired() as wire, connected(wire) as connection:
        assert await answer(connection, b"one") == b"one"
        assert await answer(connection, b"x" * 200_000) == b"x" * 200_000


async def test_a_cut_resets_what_is_open_and_lets_new_connections_in() -> None:
    async with wired() as wire:
        async with connected(wire) as connection:
            await answer(connection, b"one")
            wire.cut()
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await answer(connection, b"two")
        async with connected(wire) as again:
            assert await answer(again, b"three") == b"three"


async def test_a_torn_reply_ends_in_the_middle() -> None:
    async with wired() as wire, connected(wire) as connection:
        await answer(connection, b"one")
        wire.tear()
        connection[1].write(b"abcdef")
        async with asyncio.timeout(WITHIN_S):
            got = b""
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)) as torn:
                got = await connection[0].readexactly(6)
        assert got == b""
        assert getattr(torn.value, "partial", b"abc") == b"abc"


async def test_a_half_open_wire_accepts_and_swallows_and_drops_those_it_swallowed_from() -> None:
    async with wired() as wire:
        await wire.turn(Weather.HALF_OPEN)
        async with connected(wire) as connection:
            connection[1].write(b"lost")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await connection[0].read(1)
            await wire.turn(Weather.FAIR)
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await answer(connection, b"again")


async def test_a_wire_that_refuses_comes_back_on_the_same_port() -> None:
    async with wired() as wire:
        port = wire.port
        await wire.turn(Weather.REFUSED)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(HOST, port)
        await wire.turn(Weather.FAIR)
        async with connected(wire) as connection:
            assert await answer(connection, b"back") == b"back"
        assert wire.port == port


async def test_a_slow_wire_delivers_late_and_whole() -> None:
    async with wired() as wire, connected(wire) as connection:
        await wire.turn(Weather.SLOW, timedelta(milliseconds=30))
        begun = asyncio.get_running_loop().time()
        assert await answer(connection, b"slowly") == b"slowly"
        assert asyncio.get_running_loop().time() - begun >= 0.06


async def test_a_server_that_is_away_is_a_reset() -> None:
    async with wired() as wire:
        gone = Wire(wire.port)
        await gone.open()
        wire.close()
        async with connected(gone) as connection:
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await answer(connection, b"hello")
        gone.close()
