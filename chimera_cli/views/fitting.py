"""How a grid finds room on a screen, drawn with Rich."""

from collections.abc import Sequence
from typing import Literal

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from chimera_cli.services.plain_text import one_line
from chimera_cli.views.shown import Cell, Grid

NARROWEST = 12
"""Characters that a column which may shrink keeps at the least."""
GAP = 2
"""Characters between two columns."""


class Fitting:
    """A grid that chooses its columns when it learns the width of the screen."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._cells = [[Text(one_line(cell.text), style=cell.style) for cell in map(Cell.of, row)] for row in grid.rows]
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
