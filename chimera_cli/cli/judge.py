"""`chimera judge`: scores results and decides which way they go."""

from typing import TYPE_CHECKING, Annotated

import typer

from chimera_cli.cli.arguments import Drain, StartTimeout
from chimera_cli.cli.command import command, single
from chimera_cli.cli.starting import run_role
from chimera_cli.cli.terminal import Terminal
from chimera_cli.cli.words import span

if TYPE_CHECKING:
    from chimera_cli.config import Settings
    from chimera_cli.ports.telemetry import TelemetryPort

app = single()


@command(app, example="chimera judge --count 4")
def judge(
    terminal: Terminal,
    count: Annotated[int, typer.Option("--count", min=1, max=10_000, help="Judges in this process.")] = 4,
    burst: Annotated[bool, typer.Option("--burst", help="End when nothing is left to judge.")] = False,
    drain: Drain = None,
    start_timeout: StartTimeout = None,
) -> int:
    """Run judges until a signal.

    Each result is scored by the rubric, screened, and approved, held for a person or sent back.
    """
    patience = span(drain, "--drain-timeout")

    async def run(settings: "Settings", telemetry: "TelemetryPort") -> int:
        from chimera_cli.roles import JudgeOptions

        options = JudgeOptions(
            count=count, burst=burst, drain=settings.worker.policy().drain if patience is None else patience
        )
        return await terminal.backend.run_judges(settings, options, telemetry)

    return run_role(terminal, run, start_timeout)
