"""The audit: its rows, and what a walk along its chain found."""

from collections.abc import Sequence

from chimera_cli.models.audit import AuditEvent, AuditReport
from chimera_cli.views.shown import Cell, Column, Facts, Grid, moment
from chimera_cli.views.theme import BAD, GOOD

_AUDIT = (
    Column("at", whole=True),
    Column("operator"),
    Column("action", whole=True),
    Column("card", whole=True),
    Column("task", whole=True, spare=2),
    Column("reason", spare=1),
    Column("goal", whole=True, spare=3),
)


def audit_grid(events: Sequence[AuditEvent]) -> Grid:
    """List decisions and orders."""
    rows = [
        (moment(e.at), e.operator, e.action, e.card_id or "-", e.task_id or "-", e.reason or "-", e.goal_id or "-")
        for e in events
    ]
    return Grid("", _AUDIT, rows, empty="nobody has decided or ordered anything yet")


def report_facts(report: AuditReport) -> Facts:
    """Show a walk along the chain."""
    pairs: list[tuple[str, Cell | str]] = [("rows", str(report.rows))]
    if report.first_broken is None:
        pairs.append(("chain", Cell("holds", GOOD)))
    else:
        pairs.append(("chain", Cell(f"broken: row {report.first_broken} does not follow from the one before", BAD)))
    if report.noted_found is not None:
        pairs.append(("noted head", Cell("found", GOOD) if report.noted_found else Cell("is not in the chain", BAD)))
    return Facts([*pairs, ("head", report.head)])
