"""Whose voice the swarm speaks with."""

from typing import Annotated

from pydantic import Field

from chimera_cli.models.noun import Noun


class Persona(Noun):
    """A character that planner, workers and judge keep to."""

    name: str = Field(min_length=1, max_length=100)
    """What the character is called."""
    voice: str = Field(default="", max_length=2000)
    """How it sounds, in a few words."""
    directives: tuple[Annotated[str, Field(max_length=1000)], ...] = Field(default=(), max_length=100)
    """What it always or never does, one sentence each."""
    background: str = Field(default="", max_length=8000)
    """The body of the persona file: anything else worth knowing."""
