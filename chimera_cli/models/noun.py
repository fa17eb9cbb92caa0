"""What every noun of the swarm shares: frozen and strict about its fields."""

from pydantic import BaseModel, ConfigDict


class Noun(BaseModel):
    """A value that never changes; a change returns a new one."""

    # A command uses few of all nouns: each builds its validator when it is first used.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)
