"""What a person must see before it leaves the house: lists of phrases, by rule."""

from collections.abc import Iterator, Mapping

from pydantic import Field

from chimera_cli.models.noun import Noun


class SensitiveLists(Noun):
    """Two lists: subjects that machines should not speak on alone, and words of security."""

    topics: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    """Subject to the phrases that give it away; reported as `topic.<subject>`."""
    security: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    """Rule to the phrases that stand for it; reported as `security.<rule>`."""

    def phrases(self) -> Iterator[tuple[str, str]]:
        """Give pairs of the reported rule and a phrase."""
        for prefix, lists in (("topic", self.topics), ("security", self.security)):
            for name, phrases in lists.items():
                for phrase in phrases:
                    yield f"{prefix}.{name}", phrase
