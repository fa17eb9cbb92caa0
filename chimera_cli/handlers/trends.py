"""`trend.fetch`: what people talk about, from a bundled sample that stands for the networks' own trend pages."""

import json
import re
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from chimera_cli.exceptions import ConfigError
from chimera_cli.handlers.context import TaskContext
from chimera_cli.handlers.registry import Handler
from chimera_cli.models.noun import Noun
from chimera_cli.models.problems import problems_of
from chimera_cli.models.result import TaskOutcome

GLOBAL = "global"
"""The region that belongs to every other one."""
BUNDLED = "bundled sample"
"""Where the built-in trends come from: they are nobody's present trends."""


class TrendQuery(BaseModel):
    """Arguments of `trend.fetch`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    topic: str = Field(min_length=1, max_length=500)
    """What the trends should be about."""
    region: str = Field(default=GLOBAL, max_length=40)
    """Where: `global`, `europe`, `asia` or `americas`."""
    limit: int = Field(default=5, ge=1, le=50)
    """How many at most."""


class Trend(Noun):
    """Something people talk about."""

    topic: str = Field(min_length=1)
    """What it is."""
    region: str = GLOBAL
    """Where."""
    score: int = Field(default=50, ge=0, le=100)
    """How much, 0 to 100."""
    tags: tuple[str, ...] = ()
    """What it has to do with."""


class LocalTrends:
    """Trends of a JSON file: a list of objects with `topic`, and `region`, `score` and `tags` if known."""

    def __init__(self, path: Path | None = None) -> None:
        """Args:
        path: The file, read when the first trend is asked for; None for the built-in one.
        """
        self._path = path

    @property
    def source(self) -> str:
        """Say where the trends come from, for whoever reads them."""
        return BUNDLED if self._path is None else f"file {self._path.name}"

    def fetch(self, topic: str, *, region: str = GLOBAL, limit: int = 5) -> list[Trend]:
        """Return the trends of a region, those that share most words with the topic first, then the most talked about.

        Raises:
            ConfigError: The file cannot be read or holds something else.
        """
        wanted = _words(topic)
        here = [trend for trend in self._trends if trend.region in {GLOBAL, region}]
        near = {trend: len(wanted & _words(" ".join([trend.topic, *trend.tags]))) for trend in here}
        return sorted(here, key=lambda trend: (-near[trend], -trend.score, trend.topic))[:limit]

    @cached_property
    def _trends(self) -> list[Trend]:
        name = self._path or "the built-in trends.json"
        try:
            text = (self._path or files("chimera_cli.handlers") / "trends.json").read_text(encoding="utf-8")
            return TypeAdapter(list[Trend]).validate_python(json.loads(text))
        except (OSError, ValueError) as exc:
            reason = problems_of(exc)[0] if isinstance(exc, ValidationError) else exc
            raise ConfigError(f"the trends of {name} cannot be read: {reason}") from exc


def trend_handler(trends: LocalTrends) -> Handler:
    """Make the handler of `trend.fetch` over a resource."""

    async def fetch(ctx: TaskContext) -> TaskOutcome:
        query: TrendQuery = ctx.payload
        found = trends.fetch(query.topic, region=query.region, limit=query.limit)
        listed: list[dict[str, Any]] = [trend.model_dump(mode="json") for trend in found]
        return TaskOutcome(
            output={"source": trends.source, "topic": query.topic, "region": query.region, "trends": listed}
        )

    return Handler("trend.fetch", fetch, judged=False, payload=TrendQuery)


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"[^\W_]{3,}", text.lower()) if word not in {"the", "and", "for", "with"}}
