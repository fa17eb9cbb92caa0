"""`chimera simulate` from beginning to end: a private stack, the story, the checks, the report. Leaves nothing behind."""

import asyncio
import secrets
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from chimera_cli.adapters.schema import upgrade
from chimera_cli.bootstrap import open_swarm
from chimera_cli.config import Settings
from chimera_cli.local.stack import LocalStack
from chimera_cli.models.simulation import SimulationReport
from chimera_cli.models.telemetry import TelemetryEvent
from chimera_cli.services.swarm import Swarm
from chimera_cli.simulation.evidence import Evidence
from chimera_cli.simulation.gather import read_journal, read_logs, read_stores
from chimera_cli.simulation.history.history import Death, History
from chimera_cli.simulation.history.reading import read_history
from chimera_cli.simulation.kept import kept
from chimera_cli.simulation.life import Mark, life_of
from chimera_cli.simulation.options import LEASE_S, OPERATOR, Onlooker, SimulationOptions
from chimera_cli.simulation.report import LEASE, STAND_IN, figures_of, run_checks
from chimera_cli.simulation.roles import Roles, command_lines, role_environment
from chimera_cli.simulation.sealed import role_variables, sealed_settings
from chimera_cli.simulation.story import Story, utc_now

FAULTS = ("--latency-ms", "20-120", "--throttle", "draft=1", "--malformed", "verdict=1")
"""What the stand-in model does wrong."""
AT_ONCE = timedelta(seconds=1)
"""How long roles may take to end when the simulation was broken off."""
Life = tuple[datetime, list[Mark]]
"""When it began, and what the simulation itself did so far."""


class Silence:
    """Hears the telemetry of the simulation's own look into the stores, which the roles tell already."""

    def emit(self, event: TelemetryEvent) -> None:
        """Say nothing."""


def run_simulation(options: SimulationOptions, watch: Onlooker) -> SimulationReport:
    """Run a simulation in a temporary folder of its own and check what it leaves behind.

    Raises:
        ConfigError: There is no Redis or Postgres to start.
        BackendUnavailable: A server of the stack did not come up.
        RoleFailed: A role or a command ended badly.
    """
    begun = utc_now()
    folder = Path(mkdtemp(prefix="chimera-simulate-"))
    try:
        with kept(folder, keep=options.keep), orderly_end():
            report = _with_stack(folder, options, watch, begun)
    finally:
        if options.keep:
            watch.say(f"data and logs are kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return report.model_copy(update={"kept": str(folder)}) if options.keep else report


@contextmanager
def orderly_end() -> Iterator[None]:
    """Treat SIGTERM as Ctrl-C, so that the servers are stopped then too."""
    before = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _with_stack(folder: Path, options: SimulationOptions, watch: Onlooker, begun: datetime) -> SimulationReport:
    watch.say(STAND_IN)
    watch.say(LEASE)
    with LocalStack(folder / "stack", durable=False, seed=options.seed, model_options=FAULTS) as stack:
        variables = role_variables(stack.environment(), secrets.token_urlsafe(24))
        upgrade(variables["DATABASE_URL"])
        started = Mark(at=utc_now(), who="simulation", what="started Redis, PostgreSQL and the stand-in model")
        watch.say(f"{started.who}: {started.what}")
        return asyncio.run(_with_roles(folder, variables, options, watch, (begun, [started])))


async def _with_roles(
    folder: Path, variables: dict[str, str], options: SimulationOptions, watch: Onlooker, life: Life
) -> SimulationReport:
    settings, place = sealed_settings(variables), folder / "roles"
    place.mkdir(mode=0o700)
    roles = Roles(place, role_environment(variables))
    try:
        async with open_swarm(settings, telemetry=Silence(), need_redis=True) as swarm:
            story = Story(swarm, roles, folder=place, options=options, watch=watch)
            await story.begin()
            await story.play()
            shown = command_lines()
            exits = await roles.end()
            told = await _told(swarm, story, variables["OPENAI_BASE_URL"])
            history = await asyncio.to_thread(_left, folder, settings, shown)
            deaths = () if story.killed is None else (Death(at=story.killed.at, agents=story.killed.agents),)
            evidence = Evidence(**told, exits=exits, history=replace(history, deaths=deaths))
            return _report(evidence, story, options, life)
    finally:
        # After an error nobody waits for what is in hand: the whole stack goes.
        await roles.end(AT_ONCE)


def _left(folder: Path, settings: Settings, command_lines: str) -> History:
    """Read what both stores hold, with everything that was written."""
    return read_history(
        settings.database_url.get_secret_value(),
        settings.redis_url.get_secret_value(),
        namespace=settings.namespace,
        shards=settings.shards,
        sinks=[*read_logs(folder).items(), ("command lines", command_lines)],
        secrets=settings.secret_values(),
    )


async def _told(swarm: Swarm, story: Story, model_url: str) -> dict[str, Any]:
    """Collect what the stores, the model and the story know."""
    return {
        **await read_stores(swarm, story.goal_id),
        "journal": await read_journal(model_url),
        "operator": OPERATOR,
        "lease": timedelta(seconds=LEASE_S),
        "killed": story.killed,
        "looks": story.looks,
        "stall": story.stall,
    }


def _report(evidence: Evidence, story: Story, options: SimulationOptions, life: Life) -> SimulationReport:
    begun, marks = life
    lines = life_of(evidence.events, [*marks, *story.marks], tasks=evidence.tasks, homes=story.homes, since=begun)
    checks = run_checks(evidence)
    return SimulationReport(
        ok=all(check.ok for check in checks),
        seed=options.seed,
        goal_id=evidence.goal.id,
        stand_in=STAND_IN,
        lease=LEASE,
        invariants=checks,
        figures=figures_of(evidence, lines, utc_now() - begun),
        life=lines,
    )
