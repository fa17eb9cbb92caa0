"""Which shards cannot be worked with now, while the others can."""

from pydantic import Field

from chimera_cli.models.identity import shard_of
from chimera_cli.models.noun import Noun


class Away(Noun):
    """Shards that are away, or stand still until they are compared with the record."""

    shards: int = Field(default=1, ge=1)
    """Number of all shards."""
    numbers: frozenset[int] = frozenset()
    """Those that are away, counted from 0."""

    def holds(self, goal_id: str) -> bool:
        """Tell whether a goal lives on one of them."""
        return bool(self.numbers) and shard_of(goal_id, self.shards) in self.numbers

    def without(self, goal_id: str) -> "Away":
        """Return these and the shard of a goal."""
        return self.model_copy(update={"numbers": self.numbers | {shard_of(goal_id, self.shards)}})

    @property
    def all(self) -> bool:
        """Whether there is no other shard."""
        return len(self.numbers) == self.shards


NONE_AWAY = Away()
