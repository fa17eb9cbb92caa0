"""Rubrics from TOML."""

import pytest

from chimera_cli.exceptions import ConfigError
from chimera_cli.services.rubric_file import load_rubric

ONE = """
version = "7"
[[criteria]]
id = "clear"
weight = 1.5
text = "Is it clear?"
anchors = ["a", "b", "c", "d", "e", "f"]
"""


def written(tmp_path, text: str):
    path = tmp_path / "my.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_built_in_rubric_has_five_criteria_and_safety_may_veto():
    rubric = load_rubric()
    assert [criterion.id for criterion in rubric.criteria] == ["persona", "platform", "disclosure", "quality", "safety"]
    assert [criterion.id for criterion in rubric.criteria if criterion.veto] == ["safety"]


def test_a_file_of_the_operator_replaces_it(tmp_path):
    rubric = load_rubric(written(tmp_path, ONE))
    assert rubric.criteria[0].weight == 1.5
    assert rubric.version.startswith("7+")


def test_any_change_of_words_is_another_version(tmp_path):
    first = load_rubric(written(tmp_path, ONE)).version
    assert load_rubric(written(tmp_path, ONE)).version == first
    assert load_rubric(written(tmp_path, ONE.replace('"f"', '"g"'))).version != first


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("criteria = }", "line 1"),
        ("version = 3\n" + ONE.replace('version = "7"', ""), "version"),
        (ONE.replace("weight = 1.5", "weight = 0"), "criteria.0.weight"),
        (ONE.replace(', "f"', ""), "criteria.0.anchors"),
        (ONE.replace("text =", "words ="), "criteria.0"),
        (ONE + ONE.replace('version = "7"', ""), "'clear' is used twice"),
        ("", "criteria"),
        ("criteria = 2026-01-01", "criteria"),
    ],
)
def test_a_bad_file_is_a_config_error_that_names_file_and_key(tmp_path, text, words):
    with pytest.raises(ConfigError) as caught:
        load_rubric(written(tmp_path, text))
    assert "my.toml" in caught.value.message
    assert words in caught.value.message


def test_a_missing_file_is_a_config_error(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        load_rubric(tmp_path / "nowhere.toml")


def test_a_file_that_is_not_text_is_a_config_error(tmp_path):
    path = tmp_path / "my.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"my\.toml"):
        load_rubric(path)
