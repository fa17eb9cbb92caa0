"""The audit: its rows, and what a walk along its chain found."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from chimera_cli.models.audit import AuditEvent, AuditReport
from chimera_cli.models.performed import EffectsReport
from chimera_cli.views.shown import Cell, Column, Facts, Grid, Shown, moment
from chimera_cli.views.theme import BAD, GOOD, WAITING

if TYPE_CHECKING:
    from rich.console import RenderableType

_DRAWN = (
    Column("at", whole=True),
    Column("operator"),
    Column("action", whole=True),
    Column("subject", whole=True),
    Column("reason", spare=1),
)
_PLAIN = tuple(map(Column, ("at", "operator", "action", "card", "task", "reason", "goal")))
NAMED = 5
"""Tasks that a line names."""
_EMPTY = "nobody has decided or ordered anything yet"


def audit_grid(events: Sequence[AuditEvent]) -> Shown:
    """List decisions and orders."""
    return _Rows(events)


class _Rows:
    """Both faces of rows; the drawn one has one column for what a row is about, since three ids fill a screen."""

    def __init__(self, events: Sequence[AuditEvent]) -> None:
        self._events = events

    def drawn(self) -> "RenderableType":
        """Draw them."""
        rows = [(moment(e.at), e.operator, e.action, _subject(e), e.reason or "-") for e in self._events]
        return Grid("", _DRAWN, rows, empty=_EMPTY).drawn()

    def lines(self) -> Iterator[str]:
        """Write time, operator, action, card, task, reason and goal."""
        rows = [
            (moment(e.at), e.operator, e.action, e.card_id or "-", e.task_id or "-", e.reason or "-", e.goal_id or "-")
            for e in self._events
        ]
        return Grid("", _PLAIN, rows).lines()


def _subject(event: AuditEvent) -> str:
    named = (("card", event.card_id), ("task", event.task_id), ("goal", event.goal_id))
    return next((f"{noun} {id}" for noun, id in named if id), "-")


def report_facts(report: AuditReport) -> Facts:
    """Show a walk along the chain."""
    pairs: list[tuple[str, Cell | str]] = [("rows", str(report.rows))]
    if report.first_broken is None:
        pairs.append(("chain", Cell("holds", GOOD)))
    else:
        pairs.append(("chain", Cell(f"broken: row {report.first_broken} does not follow from the one before", BAD)))
    if report.noted_found is not None:
        pairs.append(("noted head", Cell("found", GOOD) if report.noted_found else Cell("is not in the chain", BAD)))
    return Facts([*pairs, ("effects", _effects(report.effects)), ("head", report.head)])


def _effects(report: EffectsReport) -> Cell:
    """Say whether somebody vouches for each effect."""
    if report.unsigned:
        named = ", ".join(report.unsigned[:NAMED])
        more = f" and {len(report.unsigned) - NAMED} more" if len(report.unsigned) > NAMED else ""
        return Cell(f"without a signed decision: {named}{more}", BAD)
    if not report.signatures_checked and report.seen:
        return Cell(
            f"{report.seen} have a decision, whose signatures were not verified: no CHIMERA_APPROVAL_KEY", WAITING
        )
    return Cell(f"{report.seen} have a signed decision", GOOD)
