"""The report at the end of a simulation: the goal's life in order, the figures, and which invariants held."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from chimera_cli.models.simulation import LifeLine, SimulationReport
from chimera_cli.views.shown import Cell, Column, Facts, Grid, Shown, Stack, Words
from chimera_cli.views.theme import BAD, GOOD, QUIET, WAITING

if TYPE_CHECKING:
    from rich.console import RenderableType

FILLER = "sim.step"
"""Kind of the tasks that only keep the workers busy: on a screen their lines are counted."""
_LOUD = {
    "held": "bold yellow",
    "killed": BAD,
    "failed": BAD,
    "delayed": WAITING,
    "conflicted": WAITING,
    "taken over": WAITING,
    "approve": "cyan",
    "completed": GOOD,
    "the goal is": "bold",
}
"""Style of a line of life by the words that it begins with."""

_LIFE = (
    Column("s", whole=True, number=True),
    Column("who", spare=2),
    Column("task"),
    Column("kind", spare=1),
    Column("what"),
)
_INVARIANTS = (Column("", whole=True), Column("invariant"), Column("detail"))


def report_view(report: SimulationReport) -> Shown:
    """Show a report; the verdict comes last, where the eye is."""
    checked = [
        (Cell("ok", GOOD) if check.ok else Cell("FAIL", BAD), check.name, check.detail) for check in report.invariants
    ]
    notices = [Words(text, QUIET) for text in (report.stand_in, report.lease) if text]
    kept = [Words(f"kept: {report.kept}")] if report.kept else []
    return Stack(
        [
            Life(report.life),
            Facts([(name, str(value)) for name, value in report.figures.items()]),
            Grid("Invariants", _INVARIANTS, checked, mark="invariant"),
            Stack([*notices, *kept, verdict(report)], gap=False),
        ]
    )


def verdict(report: SimulationReport) -> Words:
    """Say in a line how it went."""
    held = sum(check.ok for check in report.invariants)
    text = f"{held} of {len(report.invariants)} invariants hold (seed {report.seed}, goal {report.goal_id or '-'})"
    return Words(text if report.ok else f"{text}; broken: {', '.join(report.failed)}", GOOD if report.ok else BAD)


class Life:
    """Everything that happened, in order; the drawn face sums up the filler tasks, the plain one has every line."""

    def __init__(self, lines: Sequence[LifeLine]) -> None:
        self._lines = lines

    def drawn(self) -> "RenderableType":
        """Draw the story's own lines, and a sentence about the rest."""
        story = [line for line in self._lines if line.kind != FILLER]
        fillers = [line for line in self._lines if line.kind == FILLER]
        parts: list[Shown] = [_grid(story)]
        return Stack([*parts, Words(_summary(fillers), QUIET)] if fillers else parts, gap=False).drawn()

    def lines(self) -> Iterator[str]:
        """Write every line."""
        yield from _grid(self._lines).lines()


def _grid(lines: Sequence[LifeLine]) -> Grid:
    rows = [
        (f"{line.at_s:.2f}", line.who, line.task or "-", line.kind or "-", Cell(line.what, _style(line.what)))
        for line in lines
    ]
    return Grid("Life of the goal", _LIFE, rows, mark="life")


def _style(what: str) -> str:
    return next((style for words, style in _LOUD.items() if what.startswith(words)), "")


def _summary(lines: Sequence[LifeLine]) -> str:
    counted = Counter(line.what.partition(":")[0].partition(" (")[0] for line in lines)
    said = ", ".join(f"{number} {words}" for words, number in counted.items())
    tasks = len({line.task for line in lines})
    return f"and {tasks} filler tasks from {lines[0].at_s:.2f} to {lines[-1].at_s:.2f}: {said} (each line: --json)"
