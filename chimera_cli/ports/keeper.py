"""Who prolongs leases while the event loop that user code shares stands still."""

from typing import Protocol

from chimera_cli.models.delivery import Lease


class LeaseKeeperPort(Protocol):
    """Prolongs leases from outside the process's event loop, as long as that loop goes on or has stood still for no longer than the
    watchdog's patience. None of this waits for a server."""

    def step(self) -> None:
        """Note that the event loop goes on."""
        ...

    def hold(self, lease: Lease) -> None:
        """Prolong this lease from now on."""
        ...

    def let_go(self, lease: Lease) -> None:
        """Prolong this lease no more."""
        ...

    def keeps(self, lease: Lease) -> bool:
        """Whether the lease is prolonged here, and was in time; if not, the caller has to do it."""
        ...

    def lost(self) -> list[Lease]:
        """Return leases that are held here and turned out to be lost; each of them until it is let go."""
        ...

    async def mend(self) -> None:
        """Start what keeps the leases, if it does not run. Raises OSError."""
        ...


class NoKeeper:
    """Keeps nothing: the event loop has to."""

    def step(self) -> None:
        """Do nothing."""

    def hold(self, lease: Lease) -> None:
        """Do nothing."""

    def let_go(self, lease: Lease) -> None:
        """Do nothing."""

    def keeps(self, lease: Lease) -> bool:
        """Keep none."""
        return False

    def lost(self) -> list[Lease]:
        """Know of none."""
        return []

    async def mend(self) -> None:
        """Do nothing."""
