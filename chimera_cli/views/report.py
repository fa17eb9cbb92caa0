"""The report at the end of a simulation: which invariants held, and the figures."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from chimera_cli.views.shown import Cell, Column, Facts, Grid, Shown, Stack, Words
from chimera_cli.views.theme import BAD, GOOD


class Invariant(Protocol):
    """One thing that must hold."""

    @property
    def name(self) -> str:
        """What must hold."""
        ...

    @property
    def ok(self) -> bool:
        """Whether it does."""
        ...

    @property
    def detail(self) -> str:
        """What was seen."""
        ...


class Report(Protocol):
    """What is shown of a simulation."""

    @property
    def ok(self) -> bool:
        """Whether every invariant held."""
        ...

    @property
    def seed(self) -> int:
        """What it was run with."""
        ...

    @property
    def goal_id(self) -> str:
        """The goal it was about."""
        ...

    @property
    def invariants(self) -> Sequence[Invariant]:
        """What was checked."""
        ...

    @property
    def figures(self) -> Mapping[str, Any]:
        """What was measured."""
        ...


def report_view(report: Report) -> Shown:
    """Show a report."""
    columns = (Column("", whole=True), Column("invariant"), Column("detail"))
    rows = [(Cell("ok", GOOD) if item.ok else Cell("FAIL", BAD), item.name, item.detail) for item in report.invariants]
    figures = Facts([(name, str(value)) for name, value in report.figures.items()])
    held = sum(item.ok for item in report.invariants)
    verdict = f"{held} of {len(report.invariants)} invariants hold (seed {report.seed}, goal {report.goal_id})"
    return Stack([figures, Grid("Invariants", columns, rows), Words(verdict, GOOD if report.ok else BAD)])
