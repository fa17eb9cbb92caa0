"""The epoch of each shard, so that an older primary that still answers is told from the one that took over; and posts that a
completed task made and the outbox has lost."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from chimera_cli.exceptions import SwarmError

revision: str = "0006"
down_revision: str | Sequence[str] | None = "0005"


def upgrade() -> None:
    """Begin with epoch 0, which is also what a Redis without one has. An older release that still runs writes none of these."""
    op.add_column("shards", sa.Column("epoch", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("shards", sa.Column("run", sa.Text(), nullable=False, server_default=""))
    op.add_column("shards", sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "lost_posts",
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Text(collation="C"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")),
        sa.PrimaryKeyConstraint("idempotency_key"),
    )


def downgrade() -> None:
    """Refuse: it would destroy what is kept for ever."""
    raise SwarmError("the schema is not taken back", hint="drop the database instead")
