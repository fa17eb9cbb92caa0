"""Which characters a text may bring into the swarm."""

import unicodedata

import pytest
from pydantic import TypeAdapter, ValidationError

from chimera_cli.models.words import Line, Text

LINE, TEXT = TypeAdapter[str](Line), TypeAdapter[str](Text)
CONTROLS = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) == "Cc"]


@pytest.mark.parametrize("refused", CONTROLS)
def test_a_line_may_hold_no_control_character(refused: str) -> None:
    with pytest.raises(ValidationError, match="is not allowed"):
        LINE.validate_python(f"a{refused}b")


@pytest.mark.parametrize("kept", ["a b", "\u00e4\u00a0\u200d\U0001f9a5", "\ue000"])
def test_a_line_may_hold_any_other_letter_though_not_all_of_them_print(kept: str) -> None:
    assert LINE.validate_python(f"a{kept}b") == f"a{kept}b"


def test_a_longer_text_may_have_lines_and_tabs() -> None:
    assert TEXT.validate_python("a\n\tb") == "a\n\tb"
