"""What `chimera simulate --chaos` does: run a drill, tell each round, and end with 1 when anything broke."""

import os
from typing import TYPE_CHECKING

from chimera_cli.cli.interrupts import raise_interrupts
from chimera_cli.cli.terminal import Terminal
from chimera_cli.exceptions import InvalidInput, SwarmError

if TYPE_CHECKING:
    from chimera_cli.models.drill import FaultKind, RoundReport


def drill(terminal: Terminal, *, rounds: int, seed: int, faults: str | None, keep: bool) -> None:
    """Run a drill and show its end.

    Raises:
        InvalidInput: A fault is unknown.
        SwarmError: Something broke.
    """
    from chimera_cli.config import DEFAULT_ENV_FILE
    from chimera_cli.models.drill import FaultKind
    from chimera_cli.simulation.chaos.drill import run_drill
    from chimera_cli.simulation.chaos.installation import installation_settings
    from chimera_cli.simulation.chaos.options import DrillOptions
    from chimera_cli.views.drill import drill_view

    chosen = tuple(FaultKind) if faults is None else faults_named(faults)
    own = installation_settings(terminal.options.env_file or DEFAULT_ENV_FILE, os.environ)
    options = DrillOptions(rounds=rounds, seed=seed, faults=chosen, settings=own, keep=keep)
    raise_interrupts()
    report = run_drill(options, RoundTeller(terminal))
    if terminal.options.json:
        terminal.write([f'{{"summary": {report.model_dump_json()}}}'])
    else:
        terminal.show(report.model_dump(mode="json"), drill_view(report))
    if not report.ok:
        hint = f"chimera simulate --chaos --seed {seed} --rounds {report.broken[0]} --keep"
        hint += f" --faults {','.join(report.faults)}"
        raise SwarmError(f"{len(report.broken)} of {report.rounds} rounds broke (seed {seed})", hint=hint)


def refuse_options(rounds: int | None, faults: str | None) -> None:
    """Make sure that no option of a drill is given where there is none.

    Raises:
        InvalidInput: One is.
    """
    if rounds is not None or faults is not None:
        raise InvalidInput("--rounds and --faults are of a drill", hint="chimera simulate --chaos")


def faults_named(words: str) -> "tuple[FaultKind, ...]":
    """Read `worker,redis`; each kind counts once.

    Raises:
        InvalidInput: One is unknown.
    """
    from chimera_cli.cli.words import choice
    from chimera_cli.models.drill import FaultKind

    named = [choice(FaultKind, word.strip(), "--faults") for word in words.split(",")]
    return tuple(dict.fromkeys(kind for kind in named if kind is not None))


class RoundTeller:
    """Tells rounds on stdout as they end, and the rest on stderr."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def say(self, text: str) -> None:
        """Hear what happens."""
        self._terminal.note(text)

    def tell(self, report: "RoundReport") -> None:
        """Hear how a round went."""
        from chimera_cli.views.drill import round_view

        if self._terminal.options.json:
            self._terminal.write([report.model_dump_json()])
        else:
            self._terminal.show(None, round_view(report))
