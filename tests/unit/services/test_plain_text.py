import pytest

from chimera_cli.services.plain_text import first_line, many_lines, one_line


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
        ("tag\U000e0041", "tag\\U000e0041"),
        ("soft\xadhyphen", "soft\\xadhyphen"),
        ("\U0001f468\u200d\U0001f469 \u2764\ufe0f", "\U0001f468\u200d\U0001f469 \u2764\ufe0f"),
    ],
)
def test_what_could_move_the_cursor_or_forge_a_line_becomes_visible(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_a_block_keeps_its_lines_and_nothing_else() -> None:
    assert many_lines("a\r\nb\tc\x1b[2J\n\rd") == "a\nb    c\\x1b[2J\n\\rd"


@pytest.mark.parametrize(
    ("said", "first"),
    [("", ""), (" \n ", ""), ("\n no such host \nDETAIL: the password", "no such host"), ("x" * 400, "x" * 300)],
)
def test_of_what_a_library_says_only_the_first_line_is_told(said: str, first: str):
    assert first_line(said) == first
