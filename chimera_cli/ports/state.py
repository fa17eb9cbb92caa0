"""The goal's shared, versioned objects."""

from typing import Protocol

from chimera_cli.models.result import VersionedValue


class GlobalStatePort(Protocol):
    """Reads are of one key and atomic. Writes happen only inside a task's transition (see TaskQueuePort.complete), so that a
    version counts committed effects."""

    async def read(self, goal_id: str, key: str) -> VersionedValue:
        """Return value and version of a key; version 0 and None when it is absent. May raise BackendUnavailable."""
        ...
