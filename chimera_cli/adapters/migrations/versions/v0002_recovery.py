"""What a shard's record has reached, the turns of those who hold its lock, and what happened when Redis had lost data."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from chimera_cli.exceptions import SwarmError

revision: str = "0002"
down_revision: str | Sequence[str] | None = "0001"


def upgrade() -> None:
    """Make the tables; what is recorded already counts as reached."""
    op.execute("CREATE SEQUENCE turns")
    op.create_table(
        "shards",
        sa.Column("shard", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_entry", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("shard"),
    )
    op.execute("INSERT INTO shards SELECT DISTINCT ON (shard) shard, entry_id FROM events ORDER BY shard, seq DESC")
    counts = ("dispatched", "restored", "decisions")
    op.create_table(
        "recoveries",
        sa.Column("seq", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")),
        sa.Column("shard", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in counts),
        sa.PrimaryKeyConstraint("seq"),
    )


def downgrade() -> None:
    """Refuse: it would destroy what is kept for ever."""
    raise SwarmError("the schema is not taken back", hint="drop the database instead")
