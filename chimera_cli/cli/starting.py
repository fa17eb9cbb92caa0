"""How a role starts: it checks, runs, and waits a while for a server that is away."""

from collections.abc import Awaitable, Callable
from random import random
from typing import TYPE_CHECKING

from chimera_cli.cli.terminal import Terminal
from chimera_cli.cli.words import span

if TYPE_CHECKING:
    from chimera_cli.config import Settings
    from chimera_cli.ports.telemetry import TelemetryPort

Run = Callable[["Settings", "TelemetryPort"], Awaitable[int]]
"""Runs a role that is ready to start; returns its exit code."""


def run_role(terminal: Terminal, run: Run, timeout: str | None) -> int:
    """Check what a role needs and run it, both again for as long as a server is away and the start timeout allows.

    Raises:
        InvalidInput: The timeout is no duration.
        ConfigError: A server refuses us, or a setting is wrong; at once.
        BackendUnavailable: A server was away until the timeout.
    """
    from chimera_cli.cli.role_end import run_to_the_end

    settings, longest = terminal.settings(), span(timeout, "--start-timeout")

    async def start() -> int:
        import chimera_cli.roles  # noqa: F401 - a server that starts meanwhile shall not wait for it
        from chimera_cli.services.start import when_up

        telemetry = terminal.telemetry(role=True)

        async def once() -> int:
            await terminal.backend.check_ready(settings, need_model=True, telemetry=telemetry)
            return await run(settings, telemetry)

        patience = settings.worker.start_timeout() if longest is None else longest
        return await when_up(once, terminal.backend.clock(), timeout=patience, chance=random, telemetry=telemetry)

    return terminal.run(start(), by=run_to_the_end)
