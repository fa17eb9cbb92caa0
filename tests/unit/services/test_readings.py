"""Every distinct reading of a text, and none twice: what is read costs time for each judged result."""

import base64

import pytest

from chimera_cli.services.readings import readings

ORDINARY = "The harvest was good in all valleys."


def test_an_ordinary_text_is_read_as_it_stands_and_in_lower_case():
    assert [(reading.text, reading.folded) for reading in readings(ORDINARY)] == [
        (ORDINARY, False),
        (ORDINARY.lower(), True),
    ]


@pytest.mark.parametrize(
    "text",
    [
        ORDINARY,
        "All 3 valleys!",
        '{\n  "job": "job-0000001"\n}',
        "d e l e t e - all | of i+",
        "%2564elete &lt;b&gt;",
        base64.b64encode(b"dr0p the t-able now").decode(),
    ],
)
def test_no_lens_shows_twice_what_was_read_in_the_same_way(text: str):
    shown = [(reading.text, reading.folded, bool(reading.signs)) for reading in readings(text)]
    assert len(set(shown)) == len(shown)


def test_a_text_that_was_encoded_three_times_is_decoded_and_one_of_four_times_is_not():
    secret = "%70assword"
    thrice, often = secret.replace("%", "%2525"), secret.replace("%", "%252525")
    assert "password" in {reading.text for reading in readings(thrice)}
    assert "password" not in {reading.text for reading in readings(often)}


def test_base64_is_unpacked_twice():
    words = base64.b64encode(base64.b64encode(b"the password is here")).decode()
    [name] = {
        reading.name for reading in readings(words) if reading.text == "the password is here" and not reading.folded
    }
    assert name == "base64"
