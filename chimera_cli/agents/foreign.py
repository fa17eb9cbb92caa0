"""Ending a role whose stores no longer belong together: it lets go of everything at once."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chimera_cli.agents.signals import Signals
from chimera_cli.services.pairing import Pairing


@asynccontextmanager
async def ending_when_foreign(pairing: Pairing, signals: Signals) -> AsyncIterator[None]:
    """Force an end, for a while, as soon as the stores are found to be no pair.

    It does not wait for better times: what is under way belongs to a swarm that this process can no longer reach.

    Raises:
        ForeignStore: At the end, when that was why.
    """

    async def follow() -> None:
        await pairing.refused.wait()
        for event in (signals.stop, signals.force):
            if not event.is_set():
                signals.receive(signal.SIGTERM)

    task = asyncio.create_task(follow(), name="foreign")
    try:
        yield
    finally:
        task.cancel()
    if pairing.foreign is not None:
        raise pairing.foreign
