"""What a model answers when it is asked to write a post."""

from pydantic import Field

from chimera_cli.models.noun import Noun


class PostDraft(Noun):
    """A post as the model writes it."""

    text: str = Field(min_length=1)
    """The whole text, ready to be published."""
