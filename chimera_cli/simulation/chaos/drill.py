"""`chimera simulate --chaos` from beginning to end: private servers, rounds, the report. Leaves nothing behind."""

import asyncio
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp

from chimera_cli.adapters.schema import upgrade
from chimera_cli.models.drill import DrillReport, FaultKind, RoundReport
from chimera_cli.simulation.chaos.cast import COMMANDS, ROLES
from chimera_cli.simulation.chaos.grounds import by_ground
from chimera_cli.simulation.chaos.installation import check_settings, drill_variables
from chimera_cli.simulation.chaos.lacks import lacks, playable
from chimera_cli.simulation.chaos.options import DrillOptions, Listener
from chimera_cli.simulation.chaos.round import Round, Stage
from chimera_cli.simulation.chaos.schedule import schedule
from chimera_cli.simulation.chaos.servers import DrillServers
from chimera_cli.simulation.chaos.staging import Staging
from chimera_cli.simulation.chaos.tolls import sum_of, tolls_of
from chimera_cli.simulation.chaos.wires import Wires
from chimera_cli.simulation.kept import kept
from chimera_cli.simulation.scenario import orderly_end

STRETCH = 20
"""Rounds on one database with one fleet; then both are fresh, so that checking a round stays cheap."""
STAND_IN = "the model is a stand-in: canned answers over the real wire, no intelligence"


def run_drill(options: DrillOptions, listener: Listener) -> DrillReport:
    """Run a drill in a temporary folder of its own.

    Raises:
        ConfigError: There is no Redis or Postgres to start, or the installation's settings are not valid.
        BackendUnavailable: A server did not come up.
    """
    check_settings(drill_variables(options.settings))
    faults = playable(options.faults, lacks())
    folder = Path(mkdtemp(prefix="chimera-drill-"))
    drill = _Drill(folder, options, listener, faults)
    try:
        with kept(folder, keep=options.keep), orderly_end():
            report = drill.run()
    except KeyboardInterrupt:
        listener.say(drill.so_far)
        raise
    finally:
        if options.keep:
            listener.say(f"data and logs are kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return report.model_copy(update={"kept": str(folder)}) if options.keep else report


class _Drill:
    def __init__(self, folder: Path, options: DrillOptions, listener: Listener, faults: tuple[FaultKind, ...]) -> None:
        self._folder, self._options, self._listener = folder, options, listener
        self._faults = faults
        self._variables = drill_variables(options.settings)
        self._servers = DrillServers(folder, options.seed, moves_clock=FaultKind.REDIS_CLOCK in faults)
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
            tolls=tolls_of(self._reports),
            broken=broken,
        )

    @property
    def so_far(self) -> str:
        """Say in a line how far the drill has come."""
        broken = sum(not report.ok for report in self._reports)
        rounds = f"{len(self._reports)} of {self._options.rounds} rounds"
        return f"ended after {rounds}, {broken} of them broken (seed {self._options.seed})"

    def _introduce(self) -> None:
        self._listener.say(STAND_IN)
        tried = ", ".join(f"{name}={value}" for name, value in self._variables.items())
        self._listener.say(f"tried with {tried}")
        for kind, lack in lacks().items():
            if kind in self._options.faults:
                self._listener.say(f"without {kind}: {lack.what}; {lack.hint}")

    async def _rounds(self) -> None:
        ports = {name: server.port for name, server in self._servers.usual.items()}
        async with Wires((*ROLES, COMMANDS), ports) as wires:
            staging = Staging(
                folder=self._folder,
                servers=self._servers,
                wires=wires,
                installation=self._variables,
                moves_clocks=FaultKind.CLOCK in self._faults,
            )
            for ground, numbers in by_ground(range(1, self._options.rounds + 1), self._faults):
                while numbers and not self._ends_early:
                    async with staging.open(f"drill-{numbers[0]}", ground) as stage:
                        del numbers[: await self._stretch(stage, numbers[:STRETCH])]

    @property
    def _ends_early(self) -> bool:
        """Whether what is to be kept is there: the next rounds would only bury it."""
        return self._options.keep and any(not report.ok for report in self._reports)

    async def _stretch(self, stage: Stage, numbers: Sequence[int]) -> int:
        """Play rounds until one breaks something: the next one deserves a sound swarm. Returns how many were played."""
        for played, number in enumerate(numbers, 1):
            strikes = schedule(self._options.seed, number, self._faults)
            report = await Round(stage, seed=self._options.seed, number=number, schedule=strikes).play()
            self._reports.append(report)
            self._listener.tell(report)
            if not report.ok:
                return played
        return len(numbers)
