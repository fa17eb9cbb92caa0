"""trend.fetch: the same question gets the same trends, the fitting ones first."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from chimera_cli.exceptions import ConfigError
from chimera_cli.handlers.invoke import propose
from chimera_cli.handlers.trends import LocalTrends, TrendQuery, trend_handler
from chimera_cli.models.text import text_of
from chimera_cli.services.keyword_filter import KeywordFilter
from chimera_cli.services.policy_file import load_policy
from tests.unit.handlers.worlds import LIMITS, context


async def test_trends_of_a_topic_come_best_first_and_are_the_same_each_time():
    handler = trend_handler(LocalTrends())
    first = await propose(handler, context(handler, {"topic": "Grow on Twitter", "limit": 3}), LIMITS)
    again = await propose(handler, context(handler, {"topic": "Grow on Twitter", "limit": 3}), LIMITS)
    assert first == again
    assert isinstance(first.output, dict)
    assert len(first.output["trends"]) == 3
    assert "twitter" in first.output["trends"][0]["tags"]
    assert first.output["source"] == "bundled sample"


async def test_trends_of_a_users_file_name_it_as_their_source(tmp_path: Path):
    file = tmp_path / "mine.json"
    file.write_text('[{"topic": "kites"}]')
    handler = trend_handler(LocalTrends(file))
    told = await propose(handler, context(handler, {"topic": "kites"}), LIMITS)
    assert told.output["source"] == "file mine.json"  # type: ignore[call-overload, index]


def test_a_region_adds_its_own_trends_to_the_global_ones():
    regions = {trend.region for trend in LocalTrends().fetch("city", region="europe", limit=50)}
    assert regions == {"global", "europe"}


def test_a_users_file_replaces_the_built_in_trends(tmp_path: Path):
    file = tmp_path / "mine.json"
    file.write_text(json.dumps([{"topic": "kites"}, {"topic": "tides", "score": 90}]))
    assert [trend.topic for trend in LocalTrends(file).fetch("flying kites")] == ["kites", "tides"]


@pytest.mark.parametrize("text", ["not json", "{}", '[{"topic": ""}]', '[{"name": "x"}]'])
def test_a_malformed_file_is_named(tmp_path: Path, text: str):
    (tmp_path / "mine.json").write_text(text)
    with pytest.raises(ConfigError, match=r"mine\.json"):
        LocalTrends(tmp_path / "mine.json").fetch("x")


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"none\.json"):
        LocalTrends(tmp_path / "none.json").fetch("x")


@pytest.mark.parametrize("payload", [{}, {"topic": ""}, {"topic": "x", "limit": 0}, {"topic": "x", "colour": "red"}])
def test_a_query_that_makes_no_sense_is_refused(payload: dict[str, object]):
    with pytest.raises(ValidationError):
        TrendQuery.model_validate(payload)


def test_the_built_in_trends_hold_nothing_sensitive():
    words = KeywordFilter(load_policy().lists)
    listed = [trend.model_dump() for trend in LocalTrends().fetch("x", region="europe", limit=50)]
    assert words.findings(text_of(listed), "output") == ()
