"""Personas from Markdown."""

import pytest

from chimera_cli.exceptions import InvalidInput
from chimera_cli.services.persona_file import load_persona, parse_persona

ADA = """---
name: Ada
voice: dry and exact
directives:
  - never use exclamation marks
  - always name the source
---

Ada likes engines.
"""


def test_front_matter_and_body_make_a_persona(tmp_path):
    path = tmp_path / "ada.md"
    path.write_text(ADA, encoding="utf-8")
    persona = load_persona(path)
    assert (persona.name, persona.voice, persona.background) == ("Ada", "dry and exact", "Ada likes engines.")
    assert persona.directives == ("never use exclamation marks", "always name the source")


def test_a_file_of_a_windows_editor_reads_the_same(tmp_path):
    path = tmp_path / "ada.md"
    path.write_bytes(b"\xef\xbb\xbf" + ADA.replace("\n", "\r\n").encode())
    assert load_persona(path).name == "Ada"


def test_a_single_directive_needs_no_list():
    assert parse_persona("---\nname: A\ndirectives: be kind\n---\n", "f").directives == ("be kind",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: no front matter"),
        ("name: Ada\n", "line 1: no front matter"),
        ("---\nname: Ada\n", "line 2: the front matter does not end"),
        ("---\nname: Ada\nvoice: [a\n---\n", "line 3"),
        ("---\nname: 2026-99-99\n---\n", "month"),
        ("---\n- Ada\n---\n", "no mapping"),
        ("---\nvoice: dry\n---\n", "name: Field required"),
        ("---\nname: Ada\nvioce: dry\n---\n", "line 3: unknown field 'vioce'"),
        ("---\nname: Ada\nvoice: 3\n---\n", "line 3: voice"),
        ("---\nname: Ada\ndirectives:\n  - 1\n---\n", "line 3: directives.0"),
    ],
)
def test_a_bad_file_is_told_with_its_line(text, words):
    with pytest.raises(InvalidInput) as caught:
        parse_persona(text, "ada.md")
    assert caught.value.message.startswith("persona ada.md, line ")
    assert words in caught.value.message


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(InvalidInput, match=r"nobody\.md"):
        load_persona(tmp_path / "nobody.md")


def test_a_file_that_is_not_text_is_told(tmp_path):
    path = tmp_path / "ada.md"
    path.write_bytes(b"---\nname: \xff\n---\n")
    with pytest.raises(InvalidInput, match="not UTF-8"):
        load_persona(path)
