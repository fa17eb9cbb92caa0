"""What commands ask of the rest of the program, behind one small door: imports stay lazy (openai alone takes 0.9 s), and tests
put a fake in its place."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chimera_cli.config import Settings
    from chimera_cli.handlers.registry import HandlerRegistry
    from chimera_cli.models.persona import Persona
    from chimera_cli.models.plan import Plan
    from chimera_cli.ports.clock import ClockPort
    from chimera_cli.ports.telemetry import TelemetryPort
    from chimera_cli.roles import JudgeOptions, WorkerOptions
    from chimera_cli.services.records import Records
    from chimera_cli.services.swarm import Swarm


class Backend:
    """The real swarm, by way of bootstrap."""

    def settings(self, env_file: Path | None) -> "Settings":
        """Read the settings. Raises ConfigError."""
        from chimera_cli.config import load_settings

        return load_settings(env_file)

    def open_swarm(
        self, settings: "Settings", *, telemetry: "TelemetryPort", looks: bool = False
    ) -> AbstractAsyncContextManager["Swarm"]:
        """Open both stores; only to look, a Redis that evicts keys too. Raises ConfigError or BackendUnavailable."""
        from chimera_cli.bootstrap import open_swarm

        return open_swarm(settings, telemetry=telemetry, looks=looks)

    def open_strangers(
        self, settings: "Settings", *, telemetry: "TelemetryPort"
    ) -> AbstractAsyncContextManager["Swarm"]:
        """Open both stores although they may not belong together. Raises ConfigError or BackendUnavailable."""
        from chimera_cli.bootstrap import open_strangers

        return open_strangers(settings, telemetry=telemetry)

    def open_records(
        self, settings: "Settings", *, telemetry: "TelemetryPort"
    ) -> AbstractAsyncContextManager["Records"]:
        """Open the record alone. Raises ConfigError or BackendUnavailable."""
        from chimera_cli.records import open_records

        return open_records(settings, telemetry=telemetry)

    def registry(self, settings: "Settings", handlers: Sequence[str]) -> "HandlerRegistry":
        """Load the known kinds: built-in ones, those of the settings, and those of `--handlers`. Raises ConfigError."""
        from chimera_cli.roles import load_registry

        return load_registry(settings, handlers)

    def persona(self, path: Path) -> "Persona":
        """Read a persona file. Raises InvalidInput."""
        from chimera_cli.services.persona_file import load_persona

        return load_persona(path)

    async def draft(
        self,
        settings: "Settings",
        goal: str,
        *,
        persona: "Persona | None",
        handlers: Sequence[str],
        telemetry: "TelemetryPort",
    ) -> "Plan":
        """Have the model plan a goal; writes nothing. Raises InvalidPlan, LLMError, BackendUnavailable or ConfigError."""
        from chimera_cli.roles import draft_plan

        return await draft_plan(settings, goal, persona=persona, handlers=handlers, telemetry=telemetry)

    def clock(self) -> "ClockPort":
        """Return what waits."""
        from chimera_cli.adapters.system_clock import SystemClock

        return SystemClock()

    async def check_ready(self, settings: "Settings", *, need_model: bool, telemetry: "TelemetryPort") -> None:
        """Fail within 3 s when something that a role needs is missing. Raises ConfigError or BackendUnavailable."""
        from chimera_cli.bootstrap import check_ready

        await check_ready(settings, need_model=need_model, telemetry=telemetry)

    async def run_workers(self, settings: "Settings", options: "WorkerOptions", telemetry: "TelemetryPort") -> int:
        """Work until a signal, or until nothing is left; returns the exit code."""
        from chimera_cli.roles import run_workers

        return await run_workers(settings, options, telemetry)

    async def run_judges(self, settings: "Settings", options: "JudgeOptions", telemetry: "TelemetryPort") -> int:
        """Judge until a signal, or until nothing is left; returns the exit code."""
        from chimera_cli.roles import run_judges

        return await run_judges(settings, options, telemetry)

    async def run_planner(self, settings: "Settings", handlers: Sequence[str], telemetry: "TelemetryPort") -> int:
        """Replan until a signal; returns the exit code."""
        from chimera_cli.roles import run_planner

        return await run_planner(settings, handlers, telemetry)
