"""A wire between a role and a server, on loopback, byte by byte: it can be cut, go half-open, slow down, refuse, or tear in
the middle of a reply."""

import asyncio
import socket
import struct
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum

HOST = "127.0.0.1"
CHUNK = 65_536
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing sends a reset, as a broken network does, instead of a good-bye."""


class Weather(StrEnum):
    """How a wire behaves."""

    FAIR = "fair"
    """Everything passes."""
    SLOW = "slow"
    """Every piece is late."""
    HALF_OPEN = "half-open"
    """Connections are accepted and everything is swallowed."""
    REFUSED = "refused"
    """Nobody listens."""


class Wire:
    """One listening port that leads to one server."""

    def __init__(self, target: int) -> None:
        """Args:
        target: Port of the server on loopback.
        """
        self._target = target
        self._links: set[Link] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        """Where it listens; the same for its whole life."""
        self.weather = Weather.FAIR
        self.delay = timedelta()
        """How late each piece is while it is slow."""

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Stop listening and reset every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()

    def lead_to(self, target: int) -> None:
        """Lead to another server on loopback from the next connection on, as a name does whose address was changed."""
        self._target = target

    def cut(self) -> None:
        """Reset every connection; new ones are welcome."""
        for link in list(self._links):
            link.reset()

    def tear(self) -> None:
        """Let half of each connection's next reply through, then reset it."""
        for link in self._links:
            link.tearing = True

    async def turn(self, weather: Weather, delay: timedelta = timedelta()) -> None:
        """Change the weather. What was swallowed is lost, so connections do not outlive a half-open time."""
        before, self.weather, self.delay = self.weather, weather, delay
        if weather is Weather.REFUSED:
            self.close()
        elif before is Weather.REFUSED:
            await self.open()
        if before is Weather.HALF_OPEN:
            self.cut()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link(self, writer)
        self._links.add(link)
        try:
            with suppress(OSError):
                await link.carry(reader, self._target)
        finally:
            self._links.discard(link)
            link.reset()


class Link:
    """One connection over a wire."""

    def __init__(self, wire: Wire, client: asyncio.StreamWriter) -> None:
        self._wire = wire
        self._ends = [client]
        self.tearing = False
        """Whether the next reply is torn."""

    async def carry(self, asked: asyncio.StreamReader, target: int) -> None:
        """Carry bytes both ways until one side ends."""
        answered, server = await asyncio.open_connection(HOST, target)
        self._ends.append(server)
        client = self._ends[0]
        pumps = [
            asyncio.create_task(self._pump(asked, server)),
            asyncio.create_task(self._pump(answered, client, replies=True)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, replies: bool = False) -> None:
        while piece := await source.read(CHUNK):
            if self._wire.weather is Weather.HALF_OPEN:
                continue
            if self._wire.weather is Weather.SLOW:
                await asyncio.sleep(self._wire.delay.total_seconds())
            torn = replies and self.tearing
            sink.write(piece[: len(piece) // 2] if torn else piece)
            await sink.drain()
            if torn:
                return

    def reset(self) -> None:
        """End the connection with a reset on both sides; what was written before is sent."""
        for end in self._ends:
            with suppress(OSError):
                end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            end.transport.abort()
