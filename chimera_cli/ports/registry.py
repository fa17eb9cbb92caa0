"""Who is running."""

from datetime import timedelta
from typing import Protocol

from chimera_cli.models.agent import FleetMember, ProcessBeat


class AgentRegistryPort(Protocol):
    """Times are those of the store, so a process with a wrong clock is not taken for dead. All may raise BackendUnavailable."""

    async def beat(self, beat: ProcessBeat) -> None:
        """Replace the process's sign of life in one call, whatever the number of its agents."""
        ...

    async def leave(self, process: str) -> None:
        """Take the process off the list; harmless when it is not on it."""
        ...

    async def fleet(self) -> list[FleetMember]:
        """List all agents, the dead included until they are swept."""
        ...

    async def sweep(self, keep: timedelta) -> int:
        """Drop processes whose last beat is older than `keep`; returns how many. Any process may call it any time."""
        ...
