"""Which Redis the record belongs to, and which processes are alive and what they see: rows."""

from datetime import datetime

from sqlalchemy import CheckConstraint, text

from chimera_cli.adapters.row import Row, flag_column, id_column, number_column, text_column, time_column


class IdentityRow(Row, table=True):
    """The record's identity; one row."""

    __tablename__ = "identity"
    __table_args__ = (CheckConstraint("one", name="identity_one"),)

    one: bool = flag_column(primary_key=True, server_default=text("true"))
    """Always true: there is no second row."""
    id: str = id_column()
    """Random; another one after the record was moved to another Redis."""
    namespace: str = text_column()
    """The namespace that owns this schema."""
    shards: int = number_column(server_default=text("0"))
    """Number of shards; 0 until bound."""
    redis: str = text_column(server_default=text("''"))
    """Address of its Redis; empty until bound."""
    bound_at: datetime | None = time_column(nullable=True)
    """When the two met."""
    emptying: bool = flag_column(server_default=text("false"))
    """Whether that Redis has still to be emptied."""


class ProcessRow(Row, table=True):
    """A process that lives, or did not long ago, and the Redis that it works with."""

    __tablename__ = "processes"

    process: str = id_column(primary_key=True)
    """Id: host, pid and a random part."""
    role: str = text_column()
    """worker, judge or planner."""
    address: str = text_column()
    """Address of its Redis."""
    run: str = text_column()
    """Run id of that server."""
    identity: str = id_column()
    """Id of the swarm that it saw there; empty when it saw none."""
    seen_at: datetime = time_column(server_default=text("clock_timestamp()"))
    """When it reported last, by the clock of the database."""
