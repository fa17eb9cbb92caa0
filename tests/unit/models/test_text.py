"""How values are written for people and judges."""

import pytest
from pydantic import JsonValue

from chimera_cli.models.text import is_short, text_of


def test_a_string_is_shown_as_it_is():
    assert text_of('say "hi"\n') == 'say "hi"\n'


def test_an_object_is_shown_with_sorted_keys_and_real_unicode():
    assert text_of({"b": "ümlaut", "a": [1]}) == '{\n  "a": [\n    1\n  ],\n  "b": "ümlaut"\n}'


def test_nothing_is_shown_as_null():
    assert text_of(None) == "null"


def nested(depth: int) -> JsonValue:
    value: JsonValue = "x"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "short"),
    [
        ("x" * 100, True),
        ("x" * 101, False),
        ({"a": "x" * 90}, True),
        ({"a" * 50: "x" * 50}, False),
        (["x"] * 33, True),
        (["x"] * 34, False),
        ([1, None, True], True),
        ([1] * 30, False),
        (nested(49), True),
        (nested(10_000), False),
    ],
)
def test_a_value_is_short_when_all_texts_in_it_are_together_and_it_may_be_nested_as_deep_as_it_likes(
    value: JsonValue, short: bool
) -> None:
    assert is_short(value, 100) is short
