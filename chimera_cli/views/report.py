"""The report at the end of a simulation: the goal's life in order, the figures, and which invariants held."""

from chimera_cli.models.simulation import SimulationReport
from chimera_cli.views.shown import Cell, Column, Facts, Grid, Shown, Stack, Words
from chimera_cli.views.theme import BAD, GOOD, QUIET

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
    life = [(f"{line.at_s:.2f}", line.who, line.task or "-", line.kind or "-", line.what) for line in report.life]
    checked = [
        (Cell("ok", GOOD) if check.ok else Cell("FAIL", BAD), check.name, check.detail) for check in report.invariants
    ]
    notices = [Words(text, QUIET) for text in (report.stand_in, report.lease) if text]
    kept = [Words(f"kept: {report.kept}")] if report.kept else []
    return Stack(
        [
            Grid("Life of the goal", _LIFE, life, mark="life"),
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
