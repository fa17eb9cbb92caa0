"""What can be shown twice: drawn with Rich for a person, or as plain tab-separated lines for a pipe, which need no Rich."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from chimera_cli.services.plain_text import one_line

if TYPE_CHECKING:
    from rich.console import RenderableType


class Shown(Protocol):
    """A value with its two faces."""

    def drawn(self) -> "RenderableType":
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

    @classmethod
    def of(cls, value: "Cell | str") -> "Cell":
        """Make a cell of plain words; a cell stays as it is."""
        return value if isinstance(value, Cell) else cls(value)


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

    def drawn(self) -> "RenderableType":
        """Draw it for whatever width it meets; ids stay whole, other columns shrink, spare ones go."""
        from rich.text import Text

        from chimera_cli.views.fitting import Fitting

        if not self.rows:
            return Text(f"{self.title}: {self.empty}" if self.title else self.empty, style="dim")
        return Fitting(self)

    def lines(self) -> Iterator[str]:
        """Write a record a line."""
        for row in self.rows:
            fields = [one_line(Cell.of(cell).text) for cell in row]
            yield "\t".join([self.mark, *fields] if self.mark else fields)


@dataclass(frozen=True)
class Stack:
    """Several shown things, one below the other."""

    parts: Sequence[Shown]
    gap: bool = True
    """Whether an empty line stands between them when drawn."""

    def drawn(self) -> "RenderableType":
        """Draw them."""
        from rich.console import Group
        from rich.text import Text

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

    def drawn(self) -> "RenderableType":
        """Draw names flush left, values beside them."""
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in self.pairs:
            cell = Cell.of(value)
            table.add_row(Text(one_line(name)), Text(one_line(cell.text), style=cell.style))
        return table

    def lines(self) -> Iterator[str]:
        """Write name, tab, value."""
        for name, value in self.pairs:
            yield f"{one_line(name)}\t{one_line(Cell.of(value).text)}"


@dataclass(frozen=True)
class Words:
    """A sentence."""

    text: str
    style: str = ""

    def drawn(self) -> "RenderableType":
        """Draw it."""
        from rich.text import Text

        return Text(one_line(self.text), style=self.style)

    def lines(self) -> Iterator[str]:
        """Write it."""
        yield one_line(self.text)


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
