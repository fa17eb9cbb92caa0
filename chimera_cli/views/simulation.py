"""The report at the end of a simulation: the goal's life in order, the figures, and what held."""

from collections import Counter
from collections.abc import Iterable, Sequence

from chimera_cli.models.simulation import InvariantCheck, LifeLine, SimulationReport
from chimera_cli.views.shown import Cell, Column, Facts, Grid, Shown, Stack, Words
from chimera_cli.views.theme import BAD, GOOD, QUIET, WAITING

FILLER = "sim.step"
"""Kind of the tasks that only keep the workers busy; the drawn face counts their lines."""
LOUD = {
    "started: execute": "cyan",
    "conflicted": WAITING,
    "delayed": WAITING,
    "held": "bold yellow",
    "taken over": WAITING,
    "killed": BAD,
    "failed": BAD,
    "approve": GOOD,
    "completed": GOOD,
}
"""Style of a line by the words it begins with."""
_LIFE = (
    Column("at", whole=True, number=True),
    Column("who", whole=True, spare=1),
    Column("task", whole=True),
    Column("what"),
)


def report_view(report: SimulationReport) -> Shown:
    """Show a report, the verdict last, where a person looks first."""
    shown: list[Shown] = [
        life_grid([line for line in report.life if line.kind != FILLER], "The goal's life"),
        *fillers(report.life),
        Facts([(name, "-" if value is None else str(value)) for name, value in report.figures.items()]),
        invariants_grid(report.invariants),
        Words(report.stand_in, QUIET),
        Words(report.lease, QUIET),
    ]
    if report.kept:
        shown.append(Words(f"data and logs are in {report.kept}"))
    return Stack([*shown, Words(verdict(report), GOOD if report.ok else BAD)])


def verdict(report: SimulationReport) -> str:
    """Say in a sentence how it ended, and name what does not hold."""
    held, all_of_them = sum(check.ok for check in report.invariants), len(report.invariants)
    where = f"seed {report.seed}, goal {report.goal_id or '-'}"
    if report.ok:
        return f"all {all_of_them} checks hold ({where})"
    return f"{held} of {all_of_them} checks hold ({where}); broken: {', '.join(report.failed)}"


def life_grid(lines: Sequence[LifeLine], title: str) -> Grid:
    """List what happened, with the seconds since the beginning."""
    rows = [(f"{line.at_s:.2f}", line.who, line.task or "-", Cell(line.what, _style(line.what))) for line in lines]
    return Grid(title, _LIFE, rows, mark="life")


def _style(what: str) -> str:
    return next((style for words, style in LOUD.items() if what.startswith(words)), "")


def fillers(lines: Iterable[LifeLine]) -> list[Shown]:
    """Sum up what the filler tasks did; each line of theirs is in the JSON."""
    own = [line for line in lines if line.kind == FILLER]
    if not own:
        return []
    counted = Counter(line.what.partition(":")[0].partition(" (")[0] for line in own)
    said = ", ".join(f"{number} {words}" for words, number in counted.items())
    tasks = len({line.task for line in own})
    span = f"from {own[0].at_s:.2f} to {own[-1].at_s:.2f}"
    return [Words(f"and {tasks} filler tasks {span}: {said} (each line is in --json)", QUIET)]


def invariants_grid(checks: Sequence[InvariantCheck]) -> Grid:
    """List what was checked."""
    columns = (Column("", whole=True), Column("invariant", whole=True), Column("seen"))
    rows = [(Cell("ok", GOOD) if check.ok else Cell("FAIL", BAD), check.name, check.detail) for check in checks]
    return Grid("Invariants", columns, rows, mark="check")
