"""`chimera worker`: pulls tasks, runs their handlers, commits what they made."""

from typing import TYPE_CHECKING, Annotated

import typer

from chimera_cli.cli.arguments import Drain, Handlers, Kinds, StartTimeout
from chimera_cli.cli.command import command, single
from chimera_cli.cli.starting import run_role
from chimera_cli.cli.terminal import Terminal
from chimera_cli.cli.words import span

if TYPE_CHECKING:
    from chimera_cli.config import Settings
    from chimera_cli.ports.telemetry import TelemetryPort

app = single()


@command(app, example="chimera worker --count 50 --handlers my_kinds.py")
def worker(
    terminal: Terminal,
    count: Annotated[int, typer.Option("--count", min=1, max=10_000, help="Workers in each process.")] = 50,
    processes: Annotated[int, typer.Option("--processes", min=1, max=256, help="Processes to spread over.")] = 1,
    kinds: Kinds = None,
    handlers: Handlers = None,
    burst: Annotated[bool, typer.Option("--burst", help="End when nothing is left to do.")] = False,
    max_tasks: Annotated[int | None, typer.Option("--max-tasks", min=1, help="End each process after so many.")] = None,
    drain: Drain = None,
    start_timeout: StartTimeout = None,
    parent: Annotated[int | None, typer.Option("--parent", hidden=True, help="Process to end with.")] = None,
) -> int:
    """Run workers until a signal.

    The first signal drains: nothing new is taken and what runs may end. The second leaves at once.
    """
    patience = span(drain, "--drain-timeout")

    async def run(settings: "Settings", telemetry: "TelemetryPort") -> int:
        from chimera_cli.roles import WorkerOptions

        if processes > 1:
            from chimera_cli.cli.processes import run_processes

            return await run_processes(processes, terminal.note)
        options = WorkerOptions(
            count=count,
            kinds=tuple(kinds or ()),
            handlers=tuple(handlers or ()),
            burst=burst,
            max_tasks=max_tasks,
            parent=parent,
            drain=settings.worker.policy().drain if patience is None else patience,
        )
        return await terminal.backend.run_workers(settings, options, telemetry)

    return run_role(terminal, run, start_timeout)
