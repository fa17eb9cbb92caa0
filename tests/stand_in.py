"""The stand-in model on a real loopback socket, inside the test's own event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn

from chimera_cli.simulation.stand_in_model import StandIn, StandInPlan, create_app

START_WITHIN_S = 30
"""Bound of a wait that takes milliseconds, except on a machine that is busy with other tests."""


@dataclass(frozen=True)
class Served:
    """A stand-in model that listens."""

    stand_in: StandIn
    url: str

    @property
    def journal(self) -> dict:
        """What it served."""
        return self.stand_in.journal.as_dict()


class _Server(uvicorn.Server):
    """Tells when it listens, so that nobody polls."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets=None) -> None:
        await super().startup(sockets)
        self.ready.set()


@asynccontextmanager
async def serving(plan: StandInPlan) -> AsyncIterator[Served]:
    """Serve on a free port."""
    stand_in = StandIn(plan)
    async with listening(create_app(stand_in)) as url:
        yield Served(stand_in, f"{url}/v1")


@asynccontextmanager
async def listening(app) -> AsyncIterator[str]:
    """Run any ASGI application on a free loopback port."""
    server = _Server(uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as sock:
        task = asyncio.create_task(server.serve(sockets=[sock]))
        try:
            await asyncio.wait_for(server.ready.wait(), START_WITHIN_S)
            yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        finally:
            server.should_exit = True
            await asyncio.wait_for(task, START_WITHIN_S)
