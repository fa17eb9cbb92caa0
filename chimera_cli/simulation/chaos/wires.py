"""The wires of a drill: one from each role to each server, so that one process may lose a server that the others still have."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

from chimera_cli.simulation.chaos.cast import EVERYBODY
from chimera_cli.simulation.proxy import Weather, Wire


class Wires:
    """All of them, by role and server."""

    def __init__(self, roles: Iterable[str], ports: Mapping[str, int]) -> None:
        """Args:
        roles: Names of those who use them.
        ports: Port of each server.
        """
        self._wires = {(role, server): Wire(port) for role in roles for server, port in ports.items()}

    async def __aenter__(self) -> "Wires":
        for wire in self._wires.values():
            await wire.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        for wire in self._wires.values():
            wire.close()

    def lead(self, role: str, server: str, url: str) -> str:
        """Return a server's URL with the role's wire in place of the server's own port."""
        parts = urlsplit(url)
        account = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        return urlunsplit(parts._replace(netloc=f"{account}{parts.hostname}:{self._wires[role, server].port}"))

    def chosen(self, target: str) -> list[Wire]:
        """Return the wires that a fault names: a role, or everybody, and a server."""
        who, _, server = target.partition(" ")
        return [wire for (role, name), wire in self._wires.items() if name == server and who in {role, EVERYBODY}]

    def lead_to(self, server: str, port: int) -> None:
        """Have all wires to a server end at another port."""
        for wire in self.chosen(f"{EVERYBODY} {server}"):
            wire.lead_to(port)
            wire.cut()

    async def clear(self) -> None:
        """Make the weather fair everywhere."""
        for wire in self._wires.values():
            await wire.turn(Weather.FAIR, timedelta())
