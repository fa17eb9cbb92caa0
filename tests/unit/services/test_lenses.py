"""Each lens undoes one disguise and remembers where every character came from."""

import re

import pytest

from chimera_cli.services.lenses import (
    SAME,
    casefolded,
    decoded,
    deleeted,
    joined,
    normalised,
    rewrite,
    skeleton,
    unbroken,
    unhexed,
    unpacked,
)

LENSES = [casefolded, decoded, deleeted, joined, normalised, unbroken, unhexed, unpacked]


@pytest.mark.parametrize("lens", LENSES)
def test_a_plain_lower_case_text_is_left_alone(lens):
    text = "one plain sentence, with 3 numbers and a comma."
    assert lens(text) == (text, SAME)


@pytest.mark.parametrize("lens", LENSES)
@pytest.mark.parametrize("text", ["", "é", "\u200b\u200b", "%41", "p a s s", "a-b", "ß" * 3, "\\u0041x&#66;"])
def test_offsets_stay_inside_the_source(lens, text: str):
    seen, offsets = lens(text)
    for start in range(len(seen)):
        low, high = offsets.span(start, start + 1)
        assert 0 <= low <= high <= len(text)


def test_a_rewritten_part_maps_to_the_whole_of_its_source_and_the_rest_to_itself():
    seen, offsets = rewrite("ab--cd", re.compile("--"), lambda match: "+")
    assert seen == "ab+cd"
    assert [offsets.span(i, i + 1) for i in range(5)] == [(0, 1), (1, 2), (2, 4), (4, 5), (5, 6)]


def test_a_span_over_a_deleted_part_takes_it_in():
    _, offsets = rewrite("ab--cd", re.compile("--"), lambda match: "")
    assert offsets.span(1, 3) == (1, 5)


def test_a_text_that_is_deleted_whole_has_nowhere_to_point():
    assert rewrite("--", re.compile("--"), lambda match: "")[0] == ""


def test_letters_that_grow_in_lower_case_keep_their_place():
    seen, offsets = casefolded("aẞb")
    assert seen == "assb"
    assert offsets.span(1, 3) == (1, 2)
    assert offsets.span(3, 4) == (2, 3)


def test_plain_numbers_are_no_leet():
    assert deleeted("in 2024 at $25, really!")[0] == "in 2024 at $25, really!"


def test_leet_makes_one_letter_of_i_and_l():
    assert deleeted("de1ete")[0] == skeleton("delete")


def test_a_surrogate_escape_is_not_made_a_character_that_no_store_takes():
    assert decoded("\\ud800x")[0] == "\\ud800x"


def test_words_that_only_look_like_base64_stay():
    assert unpacked("internationalisation")[0] == "internationalisation"
