"""What a shard's record has reached, and what was done when Redis had lost data: rows, and the way to nouns."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Identity, text

from chimera_cli.adapters.row import Row, id_column, number_column, text_column, time_column
from chimera_cli.models.recovery import Recovery


class ShardRow(Row, table=True):
    """One shard of the queue, as far as it is recorded."""

    __tablename__ = "shards"

    shard: int = number_column(primary_key=True, autoincrement=False)
    """The shard."""
    last_entry: str = id_column()
    """Id of the newest recorded event in the shard's stream."""
    epoch: int = number_column(server_default="0")
    """Number of comparisons after which a Redis was let go on; what comes from a Redis of another epoch is refused."""
    run: str = text_column(server_default="")
    """Id of the server run for which the epoch was begun."""
    seen_at: datetime | None = time_column(nullable=True)
    """When a process last noted that it works with the Redis of this epoch, by the clock of the database."""


class SweepRow(Row, table=True):
    """How far the fleet's sweep through the live tasks has come; there is one."""

    __tablename__ = "sweeps"
    __table_args__ = (CheckConstraint("id = 1", "sweeps_one"),)

    id: int = number_column(primary_key=True, autoincrement=False, server_default="1")
    """Always 1."""
    position: int = number_column(server_default="-1")
    """Behind which place in the order of submission the next page begins."""
    due_at: datetime = time_column(server_default=text("clock_timestamp()"))
    """When the next page may be taken, by the clock of the database."""
    missed: int = number_column(server_default="0")
    """Tasks that this round found in no place and that could not be put back."""
    stuck: int = number_column(server_default="0")
    """The same of the last round, or of this one if they are more."""


class RecoveryRow(Row, table=True):
    """One comparison of a shard with the record, after which the shard was let go on."""

    __tablename__ = "recoveries"

    seq: int = number_column(Identity(), primary_key=True)
    """Order of happening; with gaps."""
    at: datetime = time_column(server_default=text("clock_timestamp()"))
    """When, by the clock of the database."""
    shard: int = number_column()
    """The shard."""
    cause: str = text_column()
    """A Loss."""
    dispatched: int = number_column()
    """Tasks that had not arrived in Redis or were lost there, and are dispatched again."""
    restored: int = number_column()
    """Tasks that were put back where the record had them."""
    decisions: int = number_column()
    """Decisions and orders of people that were carried out once more."""

    def noun(self) -> Recovery:
        """Return the recovery."""
        return Recovery.model_validate(self.model_dump(exclude={"seq"}))
