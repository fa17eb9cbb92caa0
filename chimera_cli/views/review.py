"""Review cards: a table of them, and one card with its content, findings marked where they stand."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import JsonValue

from chimera_cli.models.gate import Finding
from chimera_cli.models.review import ReviewCard
from chimera_cli.models.text import text_of
from chimera_cli.services.plain_text import many_lines
from chimera_cli.views.shown import Cell, Column, Facts, Grid, Shown, Stack, Words, age, moment
from chimera_cli.views.theme import BAD, STATUS, WAITING, confidence_style, confidence_text

if TYPE_CHECKING:
    from rich.console import RenderableType

MARKED = "bold white on red"
SHORT = 12
"""Characters of a digest in a list, which `review approve --digest` takes too."""
SOON = 0.1
"""Share of the time to decide; a card that has less left is marked."""
MOST_NAMED = 5
"""Rivals that a card names."""

_CARDS = (
    Column("card", whole=True),
    Column("status", whole=True, spare=4),
    Column("conf", whole=True, number=True),
    Column("age", whole=True, number=True, spare=1),
    Column("left", whole=True, number=True, spare=2),
    Column("digest", whole=True, spare=5),
    Column("kind", spare=2),
    Column("title", spare=3),
    Column("why"),
)
_SCORES = (
    Column("criterion", whole=True),
    Column("score", whole=True, number=True),
    Column("reason"),
    Column("quote", spare=1),
)


def cards_grid(cards: Sequence[ReviewCard], now: datetime, expire_after: timedelta | None = None) -> Grid:
    """List cards; what has little of its time left is marked."""
    rows = [
        (
            card.id,
            Cell(card.status, STATUS.get(card.status, "")),
            _confidence(card),
            age(now - card.created_at),
            _left(card, now, expire_after),
            card.judgement.digest[:SHORT],
            card.kind,
            card.title,
            "; ".join(card.judgement.decision.reasons),
        )
        for card in cards
    ]
    return Grid("", _CARDS, rows, empty="no cards wait for a person")


def card_page(
    card: ReviewCard, now: datetime, expire_after: timedelta | None = None, rivals: Sequence[ReviewCard] = ()
) -> Shown:
    """Show a card with everything that a reviewer needs."""
    decision = card.judgement.decision
    parts: list[Shown] = [
        card_facts(card, now, expire_after),
        *([_rivalry(card, rivals)] if rivals else []),
        MarkedText("content", card.content, [f for f in decision.findings if f.where == "output"]),
        *([MarkedText("changes", dict(card.judgement.changes), [])] if card.judgement.changes else []),
        MarkedText("arguments", card.payload, [f for f in decision.findings if f.where == "payload"]),
        findings_grid(decision.findings),
        scores_grid(card),
    ]
    return Stack(parts)


def card_facts(card: ReviewCard, now: datetime, expire_after: timedelta | None = None) -> Facts:
    """Show the head of a card."""
    usage = card.usage
    spent = f"{usage.calls} model calls, {usage.input_tokens} tokens read, {usage.output_tokens} written"
    pairs: list[tuple[str, Cell | str]] = [
        ("card", card.id),
        ("status", Cell(card.status, STATUS.get(card.status, ""))),
        ("task", card.task_id),
        ("goal", card.goal_id),
        ("kind", card.kind),
        ("title", card.title),
        ("confidence", _confidence(card)),
        *(("why", Cell(reason, "yellow")) for reason in card.judgement.decision.reasons),
        ("age", age(now - card.created_at)),
        ("left", _left(card, now, expire_after)),
        ("cost", spent),
        ("digest", card.judgement.digest),
    ]
    if card.decided_at is not None:
        who = f" by {card.decided_by}" if card.decided_by is not None else ""
        pairs.append(("decided", f"{card.status}{who} at {moment(card.decided_at)}"))
    pairs += [(name, text) for name, text in (("reason", card.reason), ("note", card.note)) if text]
    return Facts(pairs)


def _rivalry(card: ReviewCard, rivals: Sequence[ReviewCard]) -> Words:
    theirs = {key for rival in rivals for key in rival.judgement.changes}
    keys = ", ".join(sorted(theirs & card.judgement.changes.keys()))
    named = ", ".join(rival.id for rival in rivals[:MOST_NAMED]) + (" and more" if len(rivals) > MOST_NAMED else "")
    return Words(
        f"Also waiting to write state {keys}: {named}. The first approved takes effect as shown; the others are merged into"
        " that, or made again and come back.",
        style=WAITING,
    )


class MarkedText:
    """A value as text under a heading, with the places that a screen found marked where they stand."""

    def __init__(self, heading: str, value: JsonValue | dict[str, JsonValue], findings: Iterable[Finding] = ()) -> None:
        self._heading = heading
        self._text = text_of(value)
        self._spans = _merged(finding.span for finding in findings if finding.span is not None)

    def drawn(self) -> "RenderableType":
        """Draw it in a box; what is printed is neutralised piece by piece, so that places stay true."""
        from rich.panel import Panel
        from rich.text import Text

        text = Text()
        for piece, marked in self.pieces():
            text.append(many_lines(piece), style=MARKED if marked else "")
        return Panel(text, title=self._heading, title_align="left", border_style="dim")

    def lines(self) -> Iterator[str]:
        """Write each line behind the heading, places found in double brackets."""
        pieces = (f"[[{many_lines(piece)}]]" if marked else many_lines(piece) for piece, marked in self.pieces())
        for line in "".join(pieces).split("\n"):
            yield f"{self._heading}\t{line}"

    def pieces(self) -> Iterator[tuple[str, bool]]:
        """Cut the text at the borders of the places found."""
        at = 0
        for start, end in self._spans:
            yield self._text[at:start], False
            yield self._text[start:end], True
            at = end
        yield self._text[at:], False


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join spans that overlap or touch, in order; empty ones vanish."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def findings_grid(findings: Sequence[Finding]) -> Grid:
    """List what the screens found."""
    rows = [
        (Cell(f.rule, BAD), f.where, f"{f.span[0]}-{f.span[1]}" if f.span else "-", f.excerpt, f.message)
        for f in findings
    ]
    columns = (
        Column("finding"),
        Column("in", whole=True),
        Column("at", whole=True, spare=2),
        Column("words", spare=1),
        Column("message"),
    )
    return Grid("Findings", columns, rows, mark="finding")


def scores_grid(card: ReviewCard) -> Grid:
    """List the judge's scores with reasons and quotes."""
    verdict = card.judgement.verdict
    rows = [
        (
            s.criterion,
            Cell("-" if s.score is None else f"{s.score}/5", BAD if s.criterion in verdict.vetoed else ""),
            s.reason,
            s.quote,
        )
        for s in verdict.scores
    ]
    return Grid("Scores", _SCORES, rows, empty=verdict.unscored_reason or "none", mark="score")


def _left(card: ReviewCard, now: datetime, expire_after: timedelta | None) -> Cell:
    """Say how long a card may still wait."""
    expires_at = card.expires_at(expire_after)
    if expires_at is None or expire_after is None:
        return Cell("-")
    left = expires_at - now
    return Cell(age(left), BAD if left < expire_after * SOON else "")


def _confidence(card: ReviewCard) -> Cell:
    value = card.judgement.verdict.confidence
    return Cell(confidence_text(value), confidence_style(value))
