"""How values are written for people and judges."""

from chimera_cli.models.text import text_of


def test_a_string_is_shown_as_it_is():
    assert text_of('say "hi"\n') == 'say "hi"\n'


def test_an_object_is_shown_with_sorted_keys_and_real_unicode():
    assert text_of({"b": "ümlaut", "a": [1]}) == '{\n  "a": [\n    1\n  ],\n  "b": "ümlaut"\n}'


def test_nothing_is_shown_as_null():
    assert text_of(None) == "null"
