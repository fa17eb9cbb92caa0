"""A role that starts while a server is away waits for it for a while, as one that runs does."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from chimera_cli.exceptions import BackendUnavailable, ConfigError
from chimera_cli.models.policy import RetryPolicy
from chimera_cli.models.telemetry import backend_lost
from chimera_cli.ports.clock import Chance, ClockPort
from chimera_cli.ports.telemetry import TelemetryPort
from chimera_cli.services.retry import backoff, jitter

KNOCK = RetryPolicy(base=timedelta(seconds=0.25), longest=timedelta(seconds=2), jitter=1.0)
"""How often the server is tried; the jitter keeps a fleet that starts together from trying together."""
SOURCE = "start"
"""Who says so in the log."""

T = TypeVar("T")


async def when_up(
    call: Callable[[], Awaitable[T]],
    clock: ClockPort,
    *,
    timeout: timedelta,
    chance: Chance,
    telemetry: TelemetryPort,
) -> T:
    """Make a call that needs the servers, again while one of them is away, which is said once.

    Args:
        call: What to do; it must not raise BackendUnavailable once it has done something.
        clock: What waits.
        timeout: Longest time to wait, tries included; zero for one try.
        chance: Spreads the tries.
        telemetry: Who listens.

    Raises:
        BackendUnavailable: A server was away all the time.
        ConfigError: A server refuses us: no waiting mends that.
    """
    waited, tries, away = timedelta(0), 0, ""
    loop = asyncio.get_running_loop()
    while True:
        begun = loop.time()
        try:
            result = await call()
        except ConfigError:
            raise  # Also one that is an outage for a role at work.
        except BackendUnavailable as error:
            waited, tries = waited + timedelta(seconds=loop.time() - begun), tries + 1
            if waited >= timeout:
                raise
            if error.backend != away:
                away = error.backend
                words = f"{error.message}; waiting for it, {timeout.total_seconds():g} s in all"
                telemetry.emit(backend_lost(SOURCE, error, words))
            pause = backoff(KNOCK, tries)
            pause = min(pause + jitter(pause, KNOCK, chance), timeout - waited)
            await clock.sleep(pause)
            waited += pause
        else:
            return result
