"""The operator of a drill: submits and approves by the command line, and tries again when a server was away, as a person would."""

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from chimera_cli.exceptions import AlreadyDecided, BackendUnavailable, ConfigError, WaitTimeout
from chimera_cli.models.drill import Breach
from chimera_cli.models.task import TaskSpec
from chimera_cli.simulation.chaos.fleet import REFUSES_REPLICAS
from chimera_cli.simulation.chaos.options import OPERATOR
from chimera_cli.simulation.chaos.workload import MODULE
from chimera_cli.simulation.roles import Role, Roles, kill

TRY_AGAIN = {BackendUnavailable.exit_code, WaitTimeout.exit_code}
"""Exit codes that say: later."""
PAUSE_S = 0.3
"""Time before the next try."""
HANGS_AFTER = timedelta(seconds=60)
"""No command of ours may take longer."""


class Operator:
    """Runs one command after the other."""

    def __init__(self, folder: Path, roles: Roles) -> None:
        """Args:
        folder: Where plans are written.
        roles: Starts the commands.
        """
        self._folder, self._roles = folder, roles
        self._count = 0
        self.breaches: list[Breach] = []
        """Commands that ended as none may."""

    async def submit(self, goal: str, key: str, tasks: Sequence[TaskSpec]) -> None:
        """Submit a plan, again and again until it is accepted, always under the same key."""
        file = self._folder / f"{key}.json"
        wanted = [task.model_dump(mode="json", exclude_none=True) for task in tasks]
        file.write_text(json.dumps({"goal": goal, "tasks": wanted}))
        words = ("plan", "--file", str(file), "--handlers", MODULE, "--idempotency-key", key, "--json")
        # Nobody tells when a server is back.
        while not await self._went_well(*words, fine=set()):  # noqa: ASYNC110
            await asyncio.sleep(PAUSE_S)

    async def approve(self, cards: Sequence[str]) -> None:
        """Approve cards once; what could not be decided now is seen again by whoever looks for cards."""
        # Approved before by a command that heard no answer: somebody was first, and it was us.
        await self._went_well("review", "approve", *cards, "--as", OPERATOR, "--json", fine={AlreadyDecided.exit_code})

    async def _went_well(self, *words: str, fine: set[int]) -> bool:
        self._count += 1
        role = await self._roles.start(f"{words[0]}.{self._count}", *words)
        code = await self._code(role)
        if code == ConfigError.exit_code and REFUSES_REPLICAS in role.last_words():
            return False
        if code not in {0, *fine, *TRY_AGAIN}:
            text = f"ended with exit code {code}: {role.last_words() or 'it said nothing'}"
            self.breaches.append(Breach(invariant="commands end well or say later", subject=role.name, text=text))
        return code not in TRY_AGAIN

    async def _code(self, role: Role) -> int | None:
        try:
            async with asyncio.timeout(HANGS_AFTER.total_seconds()):
                return await role.process.wait()
        except TimeoutError:
            kill(role)
            await role.process.wait()
            return None
