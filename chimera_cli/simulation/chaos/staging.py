"""Setting the stage for a stretch of rounds: a database, a namespace and a fleet of its own, on servers that stay."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from chimera_cli.adapters.keys import Keys
from chimera_cli.bootstrap import open_swarm
from chimera_cli.local.stack import APPROVAL_KEY
from chimera_cli.local.stand_in import MODEL_NAME
from chimera_cli.services.swarm import Swarm
from chimera_cli.simulation.chaos.cast import COMMANDS, ROLES, SKEWED, command_line
from chimera_cli.simulation.chaos.clock import MovableClock
from chimera_cli.simulation.chaos.commands import Operator
from chimera_cli.simulation.chaos.fleet import Fleet
from chimera_cli.simulation.chaos.grounds import Ground
from chimera_cli.simulation.chaos.installation import drill_settings
from chimera_cli.simulation.chaos.kinds import EFFECTS
from chimera_cli.simulation.chaos.round import Stage
from chimera_cli.simulation.chaos.servers import DrillServers
from chimera_cli.simulation.chaos.strangers import Strangers
from chimera_cli.simulation.chaos.strikes import Striker
from chimera_cli.simulation.chaos.verdict import Examiner
from chimera_cli.simulation.chaos.wires import Wires
from chimera_cli.simulation.roles import Roles, role_environment
from chimera_cli.simulation.scenario import AT_ONCE, Silence

DRAIN = timedelta(seconds=20)
"""How long roles may take to end in good order."""
UP_WITHIN = timedelta(seconds=30)
"""How long roles may take to show themselves."""
LOOK_AGAIN_S = 0.1
SHARDS = "3"
"""Shards on a cluster, unless the installation sets them."""
LED = {"DATABASE_URL": "postgres", "REDIS_URL": "redis", "OPENAI_BASE_URL": "model"}
"""The addresses that lead over a wire, and to which server."""


@dataclass(frozen=True, kw_only=True)
class Staging:
    """What all stretches of a drill share."""

    folder: Path
    """Where each gets a folder."""
    servers: DrillServers
    """The servers."""
    wires: Wires
    """The wires to them."""
    installation: Mapping[str, str]
    """The settings that are tried."""
    moves_clocks: bool
    """Whether a worker gets a clock of its own."""

    @asynccontextmanager
    async def open(self, name: str, ground: Ground = Ground.PLAIN) -> AsyncIterator[Stage]:
        """Set a stage, and end its fleet in the end: in good order when all went well.

        Args:
            name: Of its database, its namespace and its folder.
            ground: What servers it stands on.
        """
        place = self.folder / name
        place.mkdir(mode=0o700)
        await asyncio.to_thread(self.servers.postgres.create_database, name, template="chimera")
        async with self._grounded(ground, place) as stores:
            variables = {**self._variables(name), **stores}
            async with self._set(name, place, variables) as stage:
                yield stage

    @asynccontextmanager
    async def _grounded(self, ground: Ground, place: Path) -> AsyncIterator[dict[str, str]]:
        """Have the servers that a ground needs; yields what is said of them otherwise than usual."""
        if ground is Ground.CLUSTER:
            with self.servers.joined(place) as cluster:
                yield {"REDIS_URL": cluster.url, "CHIMERA_SHARDS": self.installation.get("CHIMERA_SHARDS", SHARDS)}
        elif ground is Ground.POOLED:
            await asyncio.to_thread(self.servers.pooler.start)
            self.wires.lead_to("postgres", self.servers.pooler.port)
            try:
                yield {}
            finally:
                self.wires.lead_to("postgres", self.servers.postgres.port)
        else:
            yield {}

    @asynccontextmanager
    async def _set(self, name: str, place: Path, variables: Mapping[str, str]) -> AsyncIterator[Stage]:
        settings = drill_settings(place / "drill.env", variables)
        clock = MovableClock(place / "clock") if self.moves_clocks else None
        runs = place / "runs.jsonl"
        own = self._environments(variables, runs, clock)
        fleet = Fleet(place, {who: (command_line(who), own[who]) for who in ROLES})
        keys = Keys(name, settings.shards)
        strangers = Strangers(self.servers, place, {**variables, EFFECTS: str(runs)}, keys)
        lease = settings.lease_policy().lease
        striker = Striker(self.servers, fleet, self.wires, clock, lease, keys, place, strangers)
        commands = Roles(place, own[COMMANDS])
        async with (
            self._alive(fleet, striker, commands),
            open_swarm(settings, telemetry=Silence(), need_redis=True) as swarm,
        ):
            await self._manned(swarm)
            yield Stage(
                swarm=swarm,
                settings=settings,
                fleet=fleet,
                striker=striker,
                operator=Operator(place, commands),
                examiner=Examiner(settings, place),
                runs=runs,
            )

    async def _manned(self, swarm: Swarm) -> None:
        """Wait until every role has shown itself; one that cannot is found out by the first round."""
        with suppress(TimeoutError):
            async with asyncio.timeout(UP_WITHIN.total_seconds()):
                # Other processes are waited for.
                while len({member.process for member in await swarm.registry.fleet()}) < len(ROLES):  # noqa: ASYNC110
                    await asyncio.sleep(LOOK_AGAIN_S)

    @asynccontextmanager
    async def _alive(self, fleet: Fleet, striker: Striker, commands: Roles) -> AsyncIterator[None]:
        tending = asyncio.create_task(fleet.tend(striker.calm))
        grace = AT_ONCE
        try:
            await fleet.begin()
            yield
            grace = DRAIN
        finally:
            tending.cancel()
            await fleet.end(grace)
            await commands.end(AT_ONCE)
            await self.wires.clear()

    def _variables(self, name: str) -> dict[str, str]:
        return {
            **self.installation,
            "DATABASE_URL": self.servers.postgres.url_of(name),
            "REDIS_URL": self.servers.redis.url,
            "OPENAI_BASE_URL": self.servers.model.url,
            # The stand-in takes any key, so that a random one can be searched for afterwards.
            "OPENAI_API_KEY": secrets.token_urlsafe(24),
            APPROVAL_KEY: secrets.token_urlsafe(32),
            "CHIMERA_MODEL__NAME": MODEL_NAME,
            "CHIMERA_NAMESPACE": name,
        }

    def _environments(
        self, variables: Mapping[str, str], runs: Path, clock: MovableClock | None
    ) -> dict[str, dict[str, str]]:
        """Lead each role to the servers over its own wires, and one of them to its own clock."""
        made: dict[str, dict[str, str]] = {}
        # The nodes of a cluster tell their own addresses: no wire leads to them.
        wired = {name: server for name, server in LED.items() if server != "redis" or not self.servers.cluster}
        for who in (*ROLES, COMMANDS):
            led = {name: self.wires.lead(who, server, variables[name]) for name, server in wired.items()}
            made[who] = role_environment({**variables, **led, EFFECTS: str(runs)})
        if clock is not None:
            made[SKEWED] |= clock.environment()
        return made
