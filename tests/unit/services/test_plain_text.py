import pytest

from chimera_cli.services.plain_text import many_lines, one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünïcode 漢字 🙂", "plain ünïcode 漢字 🙂"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x9b31m", "\\x9b31m"),
        ("\x7f\x00", "\\x7f\\x00"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("a\u2028b", "a\\u2028b"),
        ("\ud800", "\\ud800"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
    ],
)
def test_what_could_move_the_cursor_or_forge_a_line_becomes_visible(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_a_block_keeps_its_lines_and_nothing_else() -> None:
    assert many_lines("a\r\nb\tc\x1b[2J\n\rd") == "a\nb    c\\x1b[2J\n\\rd"
