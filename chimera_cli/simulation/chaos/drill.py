"""`chimera simulate --chaos` from beginning to end: private servers, rounds, the report. Leaves nothing behind."""

import asyncio
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import mkdtemp

from chimera_cli.adapters.schema import upgrade
from chimera_cli.bootstrap import open_swarm
from chimera_cli.exceptions import ConfigError
from chimera_cli.local.stand_in import MODEL_NAME
from chimera_cli.models.drill import DrillReport, FaultKind, RoundReport, Tally
from chimera_cli.simulation.chaos.clock import HINT, MovableClock, clock_library
from chimera_cli.simulation.chaos.commands import Operator
from chimera_cli.simulation.chaos.fleet import Fleet
from chimera_cli.simulation.chaos.installation import drill_settings, drill_variables
from chimera_cli.simulation.chaos.kinds import EFFECTS
from chimera_cli.simulation.chaos.options import DrillOptions, Listener
from chimera_cli.simulation.chaos.round import Round, Stage
from chimera_cli.simulation.chaos.schedule import COMMANDS, JUDGES, PLANNER, ROLES, SKEWED, WORKERS, schedule
from chimera_cli.simulation.chaos.servers import DrillServers
from chimera_cli.simulation.chaos.strikes import Striker
from chimera_cli.simulation.chaos.wires import Wires
from chimera_cli.simulation.chaos.workload import MODULE
from chimera_cli.simulation.roles import Roles, role_environment
from chimera_cli.simulation.scenario import AT_ONCE, Silence, orderly_end

STRETCH = 20
"""Rounds on one database with one fleet; then both are fresh, so that checking a round stays cheap."""
DRAIN = timedelta(seconds=20)
"""How long roles may take to end in good order."""
WORKERS_EACH = "6"
JUDGES_EACH = "3"
NO_CLOCK = "no clock can be moved here: libfaketime is missing"
STAND_IN = "the model is a stand-in: canned answers over the real wire, no intelligence"


def run_drill(options: DrillOptions, listener: Listener) -> DrillReport:
    """Run a drill in a temporary folder of its own.

    Raises:
        ConfigError: There is no Redis or Postgres to start, or the installation's settings are not valid.
        BackendUnavailable: A server did not come up.
    """
    folder = Path(mkdtemp(prefix="chimera-drill-"))
    try:
        with orderly_end():
            report = _Drill(folder, options, listener).run()
    finally:
        if options.keep:
            listener.say(f"data and logs are kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return report.model_copy(update={"kept": str(folder)}) if options.keep else report


class _Drill:
    def __init__(self, folder: Path, options: DrillOptions, listener: Listener) -> None:
        self._folder, self._options, self._listener = folder, options, listener
        self._variables = drill_variables(options.settings)
        self._faults = tuple(kind for kind in options.faults if kind is not FaultKind.CLOCK or clock_library())
        if not self._faults:
            raise ConfigError(NO_CLOCK, hint=HINT)
        self._servers = DrillServers(folder, options.seed)
        self._begun = time.monotonic()
        self._reports: list[RoundReport] = []

    def run(self) -> DrillReport:
        self._introduce()
        try:
            self._servers.start()
            upgrade(self._servers.postgres.url)
            asyncio.run(self._rounds())
        finally:
            self._servers.stop()
        broken = tuple(report.round for report in self._reports if not report.ok)
        return DrillReport(
            ok=not broken,
            seed=self._options.seed,
            rounds=len(self._reports),
            faults=self._faults,
            took_s=round(time.monotonic() - self._begun, 1),
            settings=self._variables,
            tally=sum_of(self._reports),
            broken=broken,
        )

    def _introduce(self) -> None:
        self._listener.say(STAND_IN)
        pace = ", ".join(f"{name} {value}" for name, value in self._variables.items())
        self._listener.say(f"settings of the drill: {pace}")
        if len(self._faults) < len(self._options.faults):
            self._listener.say(f"{NO_CLOCK}; {HINT}")

    async def _rounds(self) -> None:
        ports = {name: server.port for name, server in self._servers.all.items()}
        async with Wires((*ROLES, COMMANDS), ports) as wires:
            while len(self._reports) < self._options.rounds:
                first = len(self._reports) + 1
                async with self._stage(f"drill-{first}", wires) as stage:
                    await self._stretch(stage, range(first, min(first + STRETCH, self._options.rounds + 1)))

    async def _stretch(self, stage: Stage, numbers: range) -> None:
        """Play rounds until one breaks something: the next one deserves a sound swarm."""
        for number in numbers:
            strikes = schedule(self._options.seed, number, self._faults)
            report = await Round(stage, seed=self._options.seed, number=number, schedule=strikes).play()
            self._reports.append(report)
            self._listener.tell(report)
            if not report.ok:
                return

    @asynccontextmanager
    async def _stage(self, name: str, wires: Wires) -> AsyncIterator[Stage]:
        """Make a database, a namespace and a fleet, and end the fleet in the end."""
        place = self._folder / name
        place.mkdir(mode=0o700)
        await asyncio.to_thread(self._servers.postgres.create_database, name, template="chimera")
        variables = self._addresses(name)
        settings = drill_settings(place / "drill.env", variables)
        clock = MovableClock(place / "clock") if FaultKind.CLOCK in self._faults else None
        runs = place / "runs.jsonl"
        own = {who: self._environment(who, variables, wires, runs) for who in (*ROLES, COMMANDS)}
        if clock is not None:
            own[SKEWED] |= clock.environment()
        fleet = Fleet(place, {who: (_command_line(who), own[who]) for who in ROLES})
        striker = Striker(self._servers, fleet, wires, clock, settings.lease_policy().lease)
        commands = Roles(place, own[COMMANDS])
        tending = asyncio.create_task(fleet.tend(striker.calm))
        grace = AT_ONCE
        try:
            await fleet.begin()
            async with open_swarm(settings, telemetry=Silence(), need_redis=True) as swarm:
                yield Stage(
                    swarm=swarm,
                    settings=settings,
                    fleet=fleet,
                    striker=striker,
                    operator=Operator(place, commands),
                    runs=runs,
                )
            grace = DRAIN
        finally:
            tending.cancel()
            await fleet.end(grace)
            await commands.end(AT_ONCE)
            await wires.clear()

    def _addresses(self, name: str) -> dict[str, str]:
        return {
            **self._variables,
            "DATABASE_URL": self._servers.postgres.url_of(name),
            "REDIS_URL": self._servers.redis.url,
            "OPENAI_BASE_URL": self._servers.model.url,
            "OPENAI_API_KEY": secrets.token_urlsafe(24),
            "CHIMERA_MODEL__NAME": MODEL_NAME,
            "CHIMERA_NAMESPACE": name,
        }

    def _environment(self, who: str, variables: Mapping[str, str], wires: Wires, runs: Path) -> dict[str, str]:
        """Lead a role to the servers over its own wires."""
        servers = {"DATABASE_URL": "postgres", "REDIS_URL": "redis", "OPENAI_BASE_URL": "model"}
        led = {name: wires.lead(who, server, variables[name]) for name, server in servers.items()}
        return role_environment({**variables, **led, EFFECTS: str(runs)})


def sum_of(reports: list[RoundReport]) -> Tally:
    """Add the accounts of all rounds."""
    total = Tally()
    for report in reports:
        total = total.plus(report.tally)
    return total


def _command_line(who: str) -> tuple[str, ...]:
    if who in WORKERS:
        return ("worker", "--count", WORKERS_EACH, "--handlers", MODULE)
    if who in JUDGES:
        return ("judge", "--count", JUDGES_EACH)
    assert who == PLANNER
    return ("plan", "--watch", "--handlers", MODULE)
