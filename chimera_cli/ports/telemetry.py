"""Where the swarm's voice goes."""

from typing import Protocol

from chimera_cli.models.telemetry import TelemetryEvent


class TelemetryPort(Protocol):
    """A listener. It never raises and never blocks for long: work does not wait for its own report."""

    def emit(self, event: TelemetryEvent) -> None:
        """Say it, or lose it."""
        ...
