"""TLS in front of servers that have none: terminated on loopback, with certificates made for the test.

PostgreSQL begins TLS in its own way, by a question that the proxy answers before the handshake.
"""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import trustme

SSL_REQUEST = (80877103).to_bytes(4)
GSS_REQUEST = (80877104).to_bytes(4)
CHUNK = 65_536


@dataclass(frozen=True)
class Front:
    """Where the proxies listen."""

    redis: int
    postgres: int


@dataclass(frozen=True)
class Certificates:
    """A CA's certificate as a file, and a server's certificate of that CA in a context."""

    ca: Path
    context: ssl.SSLContext

    @classmethod
    def made(cls, folder: Path, host: str) -> "Certificates":
        """Make both, for one host name."""
        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(host).configure_cert(context)
        authority.cert_pem.write_to_path(str(folder / f"{host}.pem"))
        return cls(folder / f"{host}.pem", context)


@contextmanager
def tls_in_front_of(redis: int, postgres: int, certificates: Certificates) -> Iterator[Front]:
    """Serve both ports with TLS, in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    try:
        work = _listen(redis, postgres, certificates.context)
        fronts = asyncio.run_coroutine_threadsafe(work, loop).result(30)
        yield Front(*(front.sockets[0].getsockname()[1] for front in fronts))
        asyncio.run_coroutine_threadsafe(_end(fronts), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _listen(redis: int, postgres: int, context: ssl.SSLContext) -> list[asyncio.Server]:
    async def to_redis(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _join(reader, writer, redis)

    async def to_postgres(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while (await reader.readexactly(8))[4:] == GSS_REQUEST:
                writer.write(b"N")
            writer.write(b"S")
            await writer.start_tls(context)
            await _join(reader, writer, postgres)

    return [
        await asyncio.start_server(to_redis, "127.0.0.1", 0, ssl=context),
        await asyncio.start_server(to_postgres, "127.0.0.1", 0),
    ]


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    behind, towards = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.gather(_pump(reader, towards), _pump(behind, writer))


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await source.read(CHUNK):
            sink.write(piece)
            await sink.drain()
    sink.close()


async def _end(fronts: list[asyncio.Server]) -> None:
    for front in fronts:
        front.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
