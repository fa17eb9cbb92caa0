"""Roles with stores that are no pair: each must be refused, and must change nothing."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from chimera_cli.adapters.keys import Keys
from chimera_cli.exceptions import BackendUnavailable, ConfigError
from chimera_cli.models.drill import Breach, Strike
from chimera_cli.models.identity import new_id
from chimera_cli.models.pairing import RedisIdentity
from chimera_cli.simulation.chaos.cast import command_line
from chimera_cli.simulation.chaos.refusals import admin
from chimera_cli.simulation.chaos.servers import DrillServers
from chimera_cli.simulation.roles import Role, Roles, role_environment

REFUSED_WITHIN = timedelta(seconds=20)
"""How long a role may take to see that its stores are no pair."""
WAITS = timedelta(seconds=5)
"""How long one is watched that may wait: a Redis that holds nothing may belong to whoever else reports it in a moment."""
ALONE = {"worker": "1", "judge": "1"}
AT_ONCE = timedelta()


@dataclass
class Strangers:
    """Starts them, one at a time."""

    servers: DrillServers
    """The servers."""
    folder: Path
    """Where they write their logs."""
    variables: Mapping[str, str]
    """What the swarm's own roles know, without wires."""
    keys: Keys
    """Names of the swarm's keys."""
    breaches: list[Breach] = field(default_factory=list)
    """Those that were not refused."""
    count: int = 0
    """How many there were."""

    async def knock(self, strike: Strike) -> None:
        """Start one and see that it is refused."""
        async with self.servers.turns["other"]:
            before = await asyncio.to_thread(self._furnish, strike.action)
            changed = await self._other_store(strike.action)
            roles = Roles(self.folder, role_environment({**self.variables, **changed}))
            self.count += 1
            role = await roles.start(f"stranger.{self.count}", *command_line(strike.target, ALONE))
            code = await _end_of(role, WAITS if strike.action == "empty" else REFUSED_WITHIN)
            await roles.end(AT_ONCE)
            self._judge(role, code, strike.action)
            if await asyncio.to_thread(self._holds) != before:
                self._tell(role, "has written to a Redis that is not the swarm's")

    def _furnish(self, action: str) -> int:
        """Let the second Redis hold what the fault is about; returns the number of its keys."""
        self.servers.other.start()
        with admin(self.servers.other) as client:
            # It may have been a copy of the first one.
            client.flushall()
            if action == "redis":
                identity = RedisIdentity(id=new_id(uuid4), namespace=self.keys.namespace, shards=self.keys.shards)
                client.set(f"{self.keys.fleet}:identity", identity.written())
        return self._holds()

    def _holds(self) -> int:
        with admin(self.servers.other) as client:
            return int(client.dbsize())

    async def _other_store(self, action: str) -> Mapping[str, str]:
        """Name the store that is not the swarm's."""
        if action != "record":
            return {"REDIS_URL": self.servers.other.url}
        name = f"{self.keys.namespace}-other"
        async with self.servers.turns["postgres"]:
            await asyncio.to_thread(self.servers.postgres.create_database, name, template="chimera")
        return {"DATABASE_URL": self.servers.postgres.url_of(name)}

    def _judge(self, role: Role, code: int | None, action: str) -> None:
        fine = {ConfigError.exit_code, BackendUnavailable.exit_code, *([None] if action == "empty" else [])}
        if code not in fine:
            end = "went on" if code is None else f"ended with exit code {code}"
            self._tell(role, f"{end} with a foreign store ({action}): {role.last_words()}")

    def _tell(self, role: Role, text: str) -> None:
        self.breaches.append(Breach(invariant="foreign stores are refused", subject=role.name, text=text))


async def _end_of(role: Role, within: timedelta) -> int | None:
    try:
        async with asyncio.timeout(within.total_seconds()):
            return await role.process.wait()
    except TimeoutError:
        return None
