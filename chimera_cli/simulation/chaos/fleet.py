"""The long-running roles of a drill: real processes that are killed, stalled and restarted, and replaced when they are gone."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from chimera_cli.exceptions import BackendUnavailable, ConfigError
from chimera_cli.models.drill import Breach
from chimera_cli.simulation.chaos.kinds import POISONED
from chimera_cli.simulation.roles import Role, Roles, kill, send

KILLED = -signal.SIGKILL
EXCUSED = {KILLED, POISONED, BackendUnavailable.exit_code}
"""Ends that a drill brings about: killed, ended by a poison task, or started while a server was away."""
UNBEGUN = {128 + signal.SIGTERM, -signal.SIGTERM}
"""Ends of processes that were told to end while they were starting."""
REFUSES_REPLICAS = "REDIS_URL names a replica"
"""What a process says that was started while Redis was made a replica."""
LOOK_AGAIN_S = 0.1
PAUSE_S = 0.4
"""Least time between two starts of one role."""


@dataclass
class Member:
    """One role, through all its processes."""

    name: str
    """What faults call it."""
    arguments: Sequence[str]
    """Its command line."""
    roles: Roles
    """Starts its processes, in its own environment."""
    now: Role | None = None
    """The process that does the work."""
    leaving: list[Role] = field(default_factory=list)
    """Processes that were asked to end and may still have work in hand."""
    starts: int = 0
    """How many processes it had."""

    async def begin(self) -> None:
        """Start the next process; its logs bear its number."""
        self.starts += 1
        self.now = await self.roles.start(f"{self.name}.{self.starts}", *self.arguments)


class Fleet:
    """All members. None of their processes outlives `end`."""

    def __init__(self, folder: Path, members: Mapping[str, tuple[Sequence[str], Mapping[str, str]]]) -> None:
        """Args:
        folder: Where they run and write their logs.
        members: Command line and environment of each.
        """
        self.members = {
            name: Member(name, arguments, Roles(folder, environment))
            for name, (arguments, environment) in members.items()
        }
        self.breaches: list[Breach] = []
        """Ends that nobody brought about."""
        self.may_leave = 0
        """How many processes may end in good order without being told: a handler told them."""

    async def begin(self) -> None:
        """Start everybody."""
        for member in self.members.values():
            await member.begin()

    @property
    def whole(self) -> bool:
        """Whether every member has a process."""
        return all(member.now is not None and member.now.alive for member in self.members.values())

    def kill(self, name: str) -> None:
        """End a member's process without warning; `tend` starts the next one."""
        role = self.members[name].now
        if role is not None:
            kill(role)

    async def stall(self, name: str, stalled: timedelta) -> None:
        """Freeze a member's process for a while."""
        role = self.members[name].now
        if role is None:
            return
        send(role, signal.SIGSTOP)
        try:
            await asyncio.sleep(stalled.total_seconds())
        finally:
            send(role, signal.SIGCONT)

    async def restart(self, name: str) -> None:
        """Ask a member's process to end, and start the next one beside it, as a rolling restart does."""
        member = self.members[name]
        if member.now is not None:
            send(member.now, signal.SIGTERM)
            member.leaving.append(member.now)
        await member.begin()

    async def tend(self, calm: Callable[[], bool]) -> None:
        """Replace whoever is gone, for as long as it is let run.

        Args:
            calm: Whether all servers are there; who starts without them ends at once.
        """
        while True:
            for member in self.members.values():
                if member.now is not None and not member.now.alive and calm():
                    await self._replace(member, member.now)
                for gone in [role for role in member.leaving if not role.alive]:
                    member.leaving.remove(gone)
                    self._judge(gone, EXCUSED | _drained(gone))
            await asyncio.sleep(LOOK_AGAIN_S)

    async def end(self, grace: timedelta) -> None:
        """Ask everybody to end, and kill who has not when the grace is over."""
        asked = [member.now for member in self.members.values() if member.now is not None and member.now.alive]
        ends: list[Awaitable[object]] = [member.roles.end(grace) for member in self.members.values()]
        await asyncio.gather(*ends)
        for role in asked:
            self._judge(role, _drained(role))

    async def _replace(self, member: Member, gone: Role) -> None:
        """Start the next process, but not for one that ended by itself: the next one would do the same."""
        if self._judge(gone, EXCUSED):
            await member.begin()
        else:
            member.now = None

    def _judge(self, role: Role, excused: set[int]) -> bool:
        code = role.process.returncode
        if code in excused or self._explained(role):
            return True
        text = f"ended by itself with exit code {code}: {role.last_words() or 'it said nothing'}"
        self.breaches.append(Breach(invariant="roles end when they are told", subject=role.name, text=text))
        return False

    def _explained(self, role: Role) -> bool:
        """Tell whether a fault explains an end that would be none of ours at any other time."""
        if role.process.returncode == 0 and self.may_leave:
            self.may_leave -= 1
            return True
        return role.process.returncode == ConfigError.exit_code and REFUSES_REPLICAS in role.last_words()


def _drained(role: Role) -> set[int]:
    """Name the ends of a process that was told to end: in good order, or before it could say a word."""
    return {0} if role.last_words() else {0, *UNBEGUN}
