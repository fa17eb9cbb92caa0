from datetime import UTC, datetime, timedelta

import pytest

from chimera_cli.views.shown import Cell, Column, Facts, Grid, Stack, Words, age, moment
from tests.unit.views.drawing import ESCAPE, drawn

ID = "0123456789abcdef0123"
GRID = Grid("", (Column("id", whole=True), Column("spare", spare=1), Column("text")), [(ID, "s" * 15, "word " * 60)])


@pytest.mark.parametrize("width", [60, 80, 200])
def test_an_id_is_whole_at_every_width_and_no_line_is_longer_than_the_screen(width: int) -> None:
    lines = drawn(GRID, width).splitlines()
    assert any(ID in line for line in lines)
    assert all(len(line) <= width for line in lines)


def test_a_column_that_may_shrink_shrinks_before_an_id_does() -> None:
    assert "…" in drawn(GRID, 60)


def test_a_spare_column_goes_when_room_is_short() -> None:
    grid = Grid("", (Column("id", whole=True), Column("spare", whole=True, spare=1)), [(ID, "s" * 30)])
    assert "sss" in drawn(grid, 60)
    assert "sss" not in drawn(grid, 40)
    assert ID in drawn(grid, 40)


def test_the_plain_face_is_tab_separated_never_cut_and_marked() -> None:
    [line] = Grid("T", GRID.columns, GRID.rows, mark="row").lines()
    assert line == f"row\t{ID}\t{'s' * 15}\t{'word ' * 60}"


def test_a_tab_or_a_line_break_inside_a_value_forges_no_field() -> None:
    [line] = Grid("", (Column("a"), Column("b")), [("x\ty\nz", "w")]).lines()
    assert line == "x\\ty\\nz\tw"


@pytest.mark.parametrize(
    "view",
    [
        Grid("", (Column("a"),), [(Cell("\x1b[2Jx"),)]),
        Facts([("name", "\x1b[2Jx")]),
        Words("\x1b[2Jx"),
    ],
)
def test_escape_sequences_in_values_reach_no_screen(view: Grid | Facts | Words) -> None:
    assert ESCAPE not in drawn(view)
    assert "\\x1b[2Jx" in drawn(view)
    assert all(ESCAPE not in line for line in view.lines())


def test_markup_in_values_is_shown_and_not_obeyed() -> None:
    assert "[red]x[/red]" in drawn(Grid("", (Column("a"),), [("[red]x[/red]",)]))


def test_an_empty_table_says_so_on_a_screen_and_nothing_in_a_pipe() -> None:
    grid = Grid("Cards", (Column("a"),), [], empty="nothing waits")
    assert drawn(grid).strip() == "Cards: nothing waits"
    assert list(grid.lines()) == []


def test_a_stack_draws_its_parts_with_a_gap() -> None:
    stack = Stack([Words("one"), Words("two")])
    assert drawn(stack) == "one\n\ntwo\n"
    assert list(stack.lines()) == ["one", "two"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.9, "59s"), (60, "1m"), (200, "3m20s"), (7260, "2h1m"), (90_000, "1d1h"), (-5, "0s")],
)
def test_an_age_has_two_units_at_most(seconds: float, text: str) -> None:
    assert age(timedelta(seconds=seconds)) == text


def test_no_time_is_a_dash() -> None:
    assert (age(None), moment(None)) == ("-", "-")
    assert moment(datetime(2030, 1, 2, 3, 4, 5, 6, tzinfo=UTC)) == "2030-01-02T03:04:05Z"


def test_room_that_a_short_column_leaves_goes_to_a_long_one() -> None:
    grid = Grid("", (Column("id", whole=True), Column("a"), Column("b")), [(ID, "short", "x" * 100)])
    [_, line] = drawn(grid, 80).splitlines()
    assert line == f"{ID}  short  {'x' * 50}…"


def test_what_is_cut_says_so_in_every_column() -> None:
    grid = Grid("", (Column("id", whole=True), Column("a"), Column("b")), [(ID, "y" * 100, "x" * 100)])
    [_, line] = drawn(grid, 60).splitlines()
    assert line == f"{ID}  {'y' * 17}…  {'x' * 17}…"
