"""What every noun of the swarm shares: frozen, strict about its fields, and documented field by field."""

from pydantic import BaseModel, ConfigDict


class Noun(BaseModel):
    """A value that never changes; a change returns a new one."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
