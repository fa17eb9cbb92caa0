"""Review cards: a table of them, and one card with its content, findings marked where they stand."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from pydantic import JsonValue
from rich.console import RenderableType
from rich.panel import Panel
from rich.text import Text

from chimera_cli.models.gate import Finding
from chimera_cli.models.review import ReviewCard
from chimera_cli.models.text import text_of
from chimera_cli.services.plain_text import many_lines
from chimera_cli.views.shown import Cell, Column, Facts, Grid, Shown, Stack, age, moment
from chimera_cli.views.theme import BAD, STATUS, confidence_style, confidence_text

MARKED = "bold white on red"

_CARDS = (
    Column("card", whole=True),
    Column("status", whole=True, spare=4),
    Column("conf", whole=True, number=True),
    Column("age", whole=True, number=True, spare=1),
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


def cards_grid(cards: Sequence[ReviewCard], now: datetime) -> Grid:
    """List cards."""
    rows = [
        (
            card.id,
            Cell(card.status, STATUS.get(card.status, "")),
            _confidence(card),
            age(now - card.created_at),
            card.kind,
            card.title,
            "; ".join(card.judgement.decision.reasons),
        )
        for card in cards
    ]
    return Grid("", _CARDS, rows, empty="no cards wait for a person")


def card_page(card: ReviewCard, now: datetime) -> Shown:
    """Show a card with everything that a reviewer needs."""
    decision = card.judgement.decision
    parts: list[Shown] = [
        card_facts(card, now),
        MarkedText("content", card.content, [f for f in decision.findings if f.where == "output"]),
        *([MarkedText("changes", dict(card.judgement.changes), [])] if card.judgement.changes else []),
        MarkedText("arguments", card.payload, [f for f in decision.findings if f.where == "payload"]),
        findings_grid(decision.findings),
        scores_grid(card),
    ]
    return Stack(parts)


def card_facts(card: ReviewCard, now: datetime) -> Facts:
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
        ("cost", spent),
        ("digest", card.judgement.digest),
    ]
    if card.decided_by is not None:
        pairs.append(("decided", f"{card.status} by {card.decided_by} at {moment(card.decided_at)}"))
    pairs += [(name, text) for name, text in (("reason", card.reason), ("note", card.note)) if text]
    return Facts(pairs)


class MarkedText:
    """A value as text under a heading, with the places that a screen found marked where they stand."""

    def __init__(self, heading: str, value: JsonValue | dict[str, JsonValue], findings: Iterable[Finding] = ()) -> None:
        self._heading = heading
        self._text = text_of(value)
        self._spans = _merged(finding.span for finding in findings if finding.span is not None)

    def drawn(self) -> RenderableType:
        """Draw it in a box; what is printed is neutralised piece by piece, so that places stay true."""
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


def _confidence(card: ReviewCard) -> Cell:
    value = card.judgement.verdict.confidence
    return Cell(confidence_text(value), confidence_style(value))
