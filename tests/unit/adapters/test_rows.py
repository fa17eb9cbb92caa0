"""What goes into a column."""

import json

import pytest

from chimera_cli.adapters.review_rows import card_id
from chimera_cli.adapters.row import json_text, json_value, plain, plain_texts


def test_json_is_written_in_ascii_and_reads_back() -> None:
    value = {"nul": "\x00", "sloth": "\U0001f9a5", "deep": [None, 1.5, True]}
    written = json_text(value)
    assert written is not None
    assert written.isascii()
    assert json.loads(written) == value


@pytest.mark.parametrize("written", ['"üml\\ud800"', ' {"a" : [1, null]} ', "12345678901234567890"])
def test_json_is_read_in_any_spelling_that_postgres_keeps(written: str) -> None:
    assert json_value(written.encode()) == json_value(written) == json.loads(written)


def test_nothing_is_written_as_null() -> None:
    assert json_text(None) is None


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_cannot_say_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_text([value])


def test_a_text_loses_only_what_no_column_takes() -> None:
    assert plain("a\x00b \U0001f9a5\n") == "a\ufffdb \U0001f9a5\n"
    assert "\ud800" not in plain("lone \ud800")


def test_of_many_fields_those_named_lose_as_little() -> None:
    fields = {"a": "a\x00", "b": "lone \ud800", "c": "\U0001f9a5", "n": 1, "other": "\x00"}
    assert plain_texts(fields, "abc") == {"a": "a\ufffd", "b": "lone ?", "c": "\U0001f9a5"}
    assert plain_texts({"a": "a\n", "other": "\x00"}, "a") == {}


def test_a_cards_id_is_one_per_hold() -> None:
    assert card_id("t", 1) == card_id("t", 1)
    assert len({card_id("t", 1), card_id("t", 2), card_id("u", 1)}) == 3
    assert len(card_id("t", 1)) == 20
