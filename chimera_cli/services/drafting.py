"""What a model answers when it is asked to write a post."""

from pydantic import Field

from chimera_cli.models.noun import Noun


class PostDraft(Noun):
    """A post as the model writes it."""

    text: str = Field(min_length=1)
    """The whole text, ready to be published."""
    hashtags: tuple[str, ...] = Field(default=(), max_length=10)
    """Hashtags to add while they fit, without the sign; empty for none."""
    rationale: str = ""
    """Why this serves the goal, in a sentence; never published."""
