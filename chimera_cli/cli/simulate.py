"""`chimera simulate`: the whole swarm against a private stack, checking itself."""

from typing import Annotated

import typer

from chimera_cli.cli.command import command, single
from chimera_cli.cli.drilling import drill, refuse_options
from chimera_cli.cli.terminal import Terminal
from chimera_cli.cli.watching import onlooker
from chimera_cli.exceptions import SwarmError

app = single()

ROUNDS = 10
"""Rounds of a drill unless more or fewer are asked for."""


@command(app, example="chimera simulate --chaos --rounds 20 --faults worker,redis --json")
def simulate(
    terminal: Terminal,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same story.")] = 7,
    tasks: Annotated[
        int, typer.Option("--tasks", min=1, max=10_000, help="Filler tasks besides the story's own.")
    ] = 24,
    workers: Annotated[int, typer.Option("--workers", min=4, max=500, help="Workers, over two processes.")] = 12,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack's data and the logs, and say where.")] = False,
    chaos: Annotated[bool, typer.Option("--chaos", help="Drill: rounds of work while faults strike.")] = False,
    rounds: Annotated[
        int | None, typer.Option("--rounds", min=1, max=100_000, help="Rounds of a drill.", show_default="10")
    ] = None,
    faults: Annotated[
        str | None, typer.Option("--faults", help="Of a drill: worker,redis,..., as docs/drill.md lists them.")
    ] = None,
) -> None:
    """Run the whole swarm on a private stack and check it.

    One goal goes through planner, queue, workers, judge, a scripted person and state, with faults on the way; then the
    invariants are checked from the stores. Needs no server, no key and no configuration.

    With --chaos it is a drill: round after round real processes work while servers, processes, network and clock are
    struck by a schedule that follows from the seed. It tries the lease, beat, gate and retry settings that you have set,
    never your servers. A line a round; 1 when anything was lost, doubled or stuck, and with --keep it ends right there.
    """
    if chaos:
        return drill(terminal, rounds=rounds or ROUNDS, seed=seed, faults=faults, keep=keep)
    refuse_options(rounds, faults)
    from chimera_cli.simulation.options import SimulationOptions
    from chimera_cli.simulation.scenario import run_simulation
    from chimera_cli.views.report import report_view

    options = SimulationOptions(seed=seed, tasks=tasks, workers=workers, keep=keep)
    with onlooker(terminal) as watch:
        report = run_simulation(options, watch)
    terminal.show(report.model_dump(mode="json"), report_view(report))
    if not report.ok:
        raise SwarmError(
            f"the simulation failed: {', '.join(report.failed)}", hint=f"chimera simulate --seed {seed} --keep"
        )
