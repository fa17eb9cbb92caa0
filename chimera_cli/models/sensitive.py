"""What a person must see before it leaves the house: lists of phrases, by rule."""

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from chimera_cli.models.noun import Noun


def _searchable(phrase: str) -> str:
    """Refuse what would be found everywhere or nowhere."""
    if not any(ch.isalnum() for ch in phrase):
        raise ValueError(f"{phrase!r} has no letter or digit, so it would be found everywhere")
    if phrase != phrase.lower():
        raise ValueError(f"{phrase!r} is not in lower case")
    return phrase


Phrase = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), AfterValidator(_searchable)]


class SensitiveLists(Noun):
    """Two lists: subjects that machines should not speak on alone, and words of security."""

    topics: Mapping[str, tuple[Phrase, ...]] = Field(default_factory=dict)
    """Subject to the phrases that give it away; reported as `topic.<subject>`."""
    security: Mapping[str, tuple[Phrase, ...]] = Field(default_factory=dict)
    """Rule to the phrases that stand for it; reported as `security.<rule>`."""

    def phrases(self) -> Iterator[tuple[str, str]]:
        """Give pairs of the reported rule and a phrase."""
        for prefix, lists in (("topic", self.topics), ("security", self.security)):
            for name, phrases in lists.items():
                for phrase in phrases:
                    yield f"{prefix}.{name}", phrase
