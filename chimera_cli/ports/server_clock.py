"""The clocks by which the queue decides what is over."""

from collections.abc import Sequence
from typing import Protocol

from chimera_cli.models.server_clock import ClockJudgement, ClockReading

FLEET = "fleet"
"""The clock by which processes are alive or dead."""


class ServerClocksPort(Protocol):
    """One clock a shard, and the fleet's. Each has a time of its own, which a step of the server's clock does not change, and
    which stands still while it is unknown whether there was one."""

    @property
    def names(self) -> Sequence[str]:
        """Name the clocks: the shards' numbers, and `FLEET`."""
        ...

    async def read(
        self, name: str, *, record: int | None, judgement: ClockJudgement | None = None, offset: int = 0
    ) -> ClockReading:
        """Read a clock, and note the reading when nothing speaks against it; one atomic call, which may be repeated.

        Args:
            name: Which.
            record: Postgres' time now [ms since 1970], where it is known.
            judgement: What the caller makes of its last look. When two looks of one doubt say the same, it is settled.
            offset: What was last seen of it, in case Redis has lost it.

        Raises:
            BackendUnavailable: Redis is away, or refuses writes.
        """
        ...
