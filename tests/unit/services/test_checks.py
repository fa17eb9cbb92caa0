"""What is known of a result without a model."""

from typing import Any

import pytest

from chimera_cli.services.checks import check
from chimera_cli.services.disclosure import DISCLOSURE, disclosed, with_disclosure
from chimera_cli.services.platforms import LIMITS, post_length
from tests.builders import a_delivery


def rules(output: Any, **more: Any) -> list[str]:
    return [finding.rule for finding in check(a_delivery(output=output, **more))]


def post(text: str, platform: str = "twitter") -> dict[str, Any]:
    return {"platform": platform, "text": text}


@pytest.mark.parametrize(
    "output",
    [None, "", "  \n", [], {}, {"text": ""}, ":", "...", "<|endoftext|>", "Thought process:", "</s>", "```json\n```"],
)
def test_a_result_that_says_nothing_is_empty(output: Any):
    assert rules(output) == ["check.empty"]


@pytest.mark.parametrize("output", [{"i": 5}, "An answer to Anna", ["a"], 0, False, "Thought process: think twice"])
def test_a_result_that_says_anything_is_not_empty(output: Any):
    assert rules(output) == []


@pytest.mark.parametrize("platform", LIMITS)
def test_a_post_may_be_as_long_as_its_platform_takes_and_no_longer(platform: str):
    assert rules(post("a" * LIMITS[platform], platform)) == []
    assert rules(post("a" * (LIMITS[platform] + 1), platform)) == ["check.length"]


def test_a_link_counts_twenty_three_on_twitter_whatever_its_length():
    assert post_length("twitter", f"see https://example.org/{'x' * 200}") == 4 + 23
    assert post_length("bluesky", "https://example.org") == 19


def test_wide_characters_count_two_on_twitter():
    assert post_length("twitter", "日本") == 4
    assert post_length("linkedin", "日本") == 2


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "ftp://example.org/x", "data:text/html,hi", "file:///etc/hosts"]
)
def test_only_web_links_may_be_posted(link: str):
    assert rules(post(f"look at {link} now")) == ["check.link"]


@pytest.mark.parametrize("text", ["see https://example.org", "HTTP://example.org", "note: this works", "at 10:45"])
def test_web_links_and_colons_are_fine(text: str):
    assert rules(post(text)) == []


def test_what_leaves_the_house_says_that_a_machine_made_it():
    assert rules(post("A fine day"), executes=True) == ["check.disclosure"]
    assert rules(post(f"A fine day {DISCLOSURE}"), executes=True) == []
    assert rules(post("A fine day"), executes=False) == []


@pytest.mark.parametrize("text", ["Made with AI", "an AI-generated note", "#AI", "written by artificial intelligence"])
def test_a_disclosure_may_be_put_in_several_ways(text: str):
    assert disclosed(text)


@pytest.mark.parametrize("text", ["said", "#aim high", "made with air", "We talk about AI", "AI is here"])
def test_speaking_of_ai_discloses_nothing(text: str):
    assert not disclosed(text)


def test_a_disclosure_is_added_once_and_only_where_it_fits():
    once = with_disclosure("twitter", "A fine day")
    assert once == f"A fine day\n\n{DISCLOSURE}"
    assert with_disclosure("twitter", once) == once
    assert with_disclosure("twitter", "a" * 280) is None


@pytest.mark.parametrize(
    "output", [{"platform": "twitter"}, {"platform": 3, "text": "x"}, {"platform": "x", "text": None, "a": 1}]
)
def test_a_post_without_text_and_platform_is_out_of_shape(output: Any):
    assert rules(output) == ["check.shape"]


def test_an_unknown_platform_is_named():
    assert rules(post("hello", "myspace")) == ["check.platform"]
