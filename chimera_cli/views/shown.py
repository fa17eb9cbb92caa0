"""What can be shown twice: drawn with Rich for a person, or as plain tab-separated lines for a pipe."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from chimera_cli.services.plain_text import one_line

NARROWEST = 12
"""Characters that a column which may shrink keeps at the least."""
GAP = 2
"""Characters between two columns."""


class Shown(Protocol):
    """A value with its two faces."""

    def drawn(self) -> RenderableType:
        """Return the Rich face."""
        ...

    def lines(self) -> Iterable[str]:
        """Return the plain face, a record a line, nothing cut off."""
        ...


@dataclass(frozen=True)
class Cell:
    """Words with a style."""

    text: str
    style: str = ""


@dataclass(frozen=True)
class Column:
    """A column of a grid."""

    name: str
    """Heading; the plain face has none."""
    whole: bool = False
    """Whether it is never cut, such as an id that is typed into the next command."""
    number: bool = False
    """Whether it is set flush right."""
    spare: int = 0
    """Above 0: left out on a screen that is too narrow, the highest first. Pipes and JSON always have it."""


@dataclass(frozen=True)
class Grid:
    """A table."""

    title: str
    """Heading; empty for none."""
    columns: Sequence[Column]
    """What stands where."""
    rows: Sequence[Sequence[Cell | str]]
    """The records."""
    empty: str = "none"
    """What to say when there are no records."""
    mark: str = ""
    """First field of every plain line, for outputs that mix several tables."""

    def drawn(self) -> RenderableType:
        """Draw it for whatever width it meets; ids stay whole, other columns shrink, spare ones go."""
        if not self.rows:
            return Text(f"{self.title}: {self.empty}" if self.title else self.empty, style="dim")
        return Fitting(self)

    def lines(self) -> Iterator[str]:
        """Write a record a line."""
        for row in self.rows:
            fields = [one_line(_cell(cell).text) for cell in row]
            yield "\t".join([self.mark, *fields] if self.mark else fields)


class Fitting:
    """A grid that chooses its columns when it learns the width of the screen."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._cells = [[Text(one_line(cell.text), style=cell.style) for cell in map(_cell, row)] for row in grid.rows]
        self._widths = [
            max(len(column.name), *(row[at].cell_len for row in self._cells)) for at, column in enumerate(grid.columns)
        ]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield a table that fits."""
        kept = self.columns_within(options.max_width)
        table = Table(
            title=self._grid.title or None, title_justify="left", title_style="bold", box=None, pad_edge=False
        )
        for at, width in zip(kept, self.widths_within(kept, options.max_width), strict=True):
            column = self._grid.columns[at]
            justify: Literal["left", "right"] = "right" if column.number else "left"
            table.add_column(
                column.name, justify=justify, no_wrap=True, width=width, overflow="ellipsis", header_style="dim"
            )
        for row in self._cells:
            table.add_row(*(row[at] for at in kept))
        yield table

    def columns_within(self, width: int) -> list[int]:
        """Choose columns: all, or without the most dispensable ones until the rest has room."""
        columns = self._grid.columns
        kept = list(range(len(columns)))
        while self._least(kept) > width and any(columns[at].spare for at in kept):
            kept.remove(max(kept, key=lambda at: columns[at].spare))
        return kept

    def widths_within(self, kept: Sequence[int], width: int) -> list[int]:
        """Share the room: whole columns get theirs, the others equal parts, and what a short one leaves goes to the rest.

        Rich by itself would cut all columns alike, ids too.
        """
        widths = {at: self._widths[at] for at in kept}
        shrinking = sorted((at for at in kept if not self._grid.columns[at].whole), key=widths.__getitem__)
        room = width - GAP * (len(kept) - 1) - sum(widths[at] for at in kept if at not in shrinking)
        for left, at in zip(range(len(shrinking), 0, -1), shrinking, strict=True):
            widths[at] = max(min(widths[at], room // left), 1)
            room -= widths[at]
        return [widths[at] for at in kept]

    def _least(self, kept: Sequence[int]) -> int:
        floors = (self._widths[at] if self._grid.columns[at].whole else min(self._widths[at], NARROWEST) for at in kept)
        return sum(floors) + GAP * (len(kept) - 1)


@dataclass(frozen=True)
class Stack:
    """Several shown things, one below the other."""

    parts: Sequence[Shown]
    gap: bool = True
    """Whether an empty line stands between them when drawn."""

    def drawn(self) -> RenderableType:
        """Draw them."""
        faces: list[RenderableType] = []
        for part in self.parts:
            faces += [Text(""), part.drawn()] if faces and self.gap else [part.drawn()]
        return Group(*faces)

    def lines(self) -> Iterator[str]:
        """Write them after each other."""
        for part in self.parts:
            yield from part.lines()


@dataclass(frozen=True)
class Facts:
    """Names with values, such as the head of a card."""

    pairs: Sequence[tuple[str, Cell | str]]

    def drawn(self) -> RenderableType:
        """Draw names flush left, values beside them."""
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in self.pairs:
            cell = _cell(value)
            table.add_row(Text(one_line(name)), Text(one_line(cell.text), style=cell.style))
        return table

    def lines(self) -> Iterator[str]:
        """Write name, tab, value."""
        for name, value in self.pairs:
            yield f"{one_line(name)}\t{one_line(_cell(value).text)}"


@dataclass(frozen=True)
class Words:
    """A sentence."""

    text: str
    style: str = ""

    def drawn(self) -> RenderableType:
        """Draw it."""
        return Text(one_line(self.text), style=self.style)

    def lines(self) -> Iterator[str]:
        """Write it."""
        yield one_line(self.text)


def _cell(value: Cell | str) -> Cell:
    return value if isinstance(value, Cell) else Cell(value)


def age(span: timedelta | None) -> str:
    """Write a duration in its two largest units, such as `3m20s`; a dash for None."""
    if span is None:
        return "-"
    seconds = max(int(span.total_seconds()), 0)
    for unit, size, small, part in (("d", 86_400, "h", 3600), ("h", 3600, "m", 60), ("m", 60, "s", 1)):
        if seconds >= size:
            rest = seconds % size // part
            return f"{seconds // size}{unit}" + (f"{rest}{small}" if rest else "")
    return f"{seconds}s"


def moment(at: datetime | None) -> str:
    """Write a time to the second, with its zone; a dash for None."""
    return at.isoformat(timespec="seconds").replace("+00:00", "Z") if at else "-"
