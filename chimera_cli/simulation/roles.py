"""The roles of a simulation as separate `chimera` processes, as in real life: started, watched and ended by their ids."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from chimera_cli.exceptions import SwarmError

OWN_VARIABLES = ("DATABASE_URL", "REDIS_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL")
CHIMERA = (sys.executable, "-m", "chimera_cli")
"""This very program."""
DRAIN = timedelta(seconds=10)
"""How long a role may take to end after a signal."""
LAST_WORDS = 400
"""Characters of a failed command's stderr that are told."""


class RoleFailed(SwarmError):
    """A command of the simulation failed, or a role ended by itself."""

    code = "role_failed"

    def __init__(self, name: str, exit_code: int | None, said: str) -> None:
        super().__init__(f"`chimera {name}` ended with exit code {exit_code}: {said or 'it said nothing'}")


@dataclass(frozen=True)
class Role:
    """One running process."""

    name: str
    """What it is called in the report."""
    process: asyncio.subprocess.Process
    """The process."""
    said: Path
    """Its stderr."""

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process.returncode is None

    def last_words(self) -> str:
        """Return the end of its stderr in one line."""
        text = self.said.read_text(errors="replace") if self.said.exists() else ""
        return " ".join(text[-LAST_WORDS:].split())


class Roles:
    """All processes of one simulation. None of them outlives `end`."""

    def __init__(self, folder: Path, environment: Mapping[str, str], *, program: Sequence[str] = CHIMERA) -> None:
        """Args:
        folder: Where they run and write their logs; holds no `.env`.
        environment: All they get to know; secrets travel here and never on a command line.
        program: What is started with the arguments of each role.
        """
        self._folder = folder
        self._environment = environment
        self._program = program
        self._roles: list[Role] = []

    async def start(self, name: str, *arguments: str) -> Role:
        """Start a process; stdout and stderr go to files named after it."""
        said = self._folder / f"{name}.err.log"
        with said.open("wb") as errors, (self._folder / f"{name}.out.log").open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(*self._program, *arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                cwd=self._folder,
                env=dict(self._environment),
                # Ctrl-C is for the simulation, which then ends them in order.
                start_new_session=True,
            )
        role = Role(name, process, said)
        self._roles.append(role)
        return role

    async def finished(self, role: Role) -> str:
        """Wait for a command to end well and return its stdout.

        Raises:
            RoleFailed: It did not end well.
        """
        code = await role.process.wait()
        if code:
            raise RoleFailed(role.name, code, role.last_words())
        return role.said.with_name(f"{role.name}.out.log").read_text()

    async def run(self, name: str, *arguments: str) -> str:
        """Run a command to its end; see `finished`."""
        return await self.finished(await self.start(name, *arguments))

    async def end(self, grace: timedelta = DRAIN) -> dict[str, int]:
        """Ask all that run to end, kill those that have not when the grace is over, and return exit codes by name."""
        asked = [role for role in self._roles if role.alive]
        for role in asked:
            send(role, signal.SIGTERM)
        await asyncio.gather(*(_ended(role, grace) for role in asked))
        return {role.name: int(role.process.returncode or 0) for role in asked}


async def _ended(role: Role, grace: timedelta) -> None:
    try:
        async with asyncio.timeout(grace.total_seconds()):
            await role.process.wait()
    except TimeoutError:
        send(role, signal.SIGKILL)
        await role.process.wait()


def kill(role: Role) -> None:
    """End a process without a chance to say good-bye."""
    send(role, signal.SIGKILL)


def send(role: Role, number: signal.Signals) -> None:
    """Send a signal to a process that may be gone already."""
    with suppress(ProcessLookupError):
        role.process.send_signal(number)


def role_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Give the roles the environment of this process without any settings, and with these instead."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in OWN_VARIABLES and not name.startswith("CHIMERA_")
    }
    return {**kept, **variables}


def command_lines() -> str:
    """Return the command lines of all processes that may be seen, as `ps` would show them; empty where there is no /proc."""
    lines: list[str] = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            lines.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return "\n".join(lines)


def ensure_alive(roles: Sequence[Role]) -> None:
    """Make sure that long-running roles still run.

    Raises:
        RoleFailed: One ended by itself.
    """
    for role in roles:
        if not role.alive:
            raise RoleFailed(role.name, role.process.returncode, role.last_words())
