"""Who vouches for an approval, and from where on every effect has a signed decision behind it."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from chimera_cli.exceptions import SwarmError

revision: str = "0009"
down_revision: str | Sequence[str] | None = "0008"

EXECUTED = "name = 'task.completed' AND phase = 'execute'"
TO_EXECUTE = "status IN ('DELAYED', 'APPROVED') AND phase = 'execute'"


def upgrade() -> None:
    """Note where the unsigned past ends: with what is recorded now."""
    op.add_column("cards", sa.Column("seal", sa.JSON(), nullable=True))
    op.create_table(
        "signed_since",
        sa.Column(
            "id",
            sa.BigInteger(),
            sa.CheckConstraint("id = 1", "signed_since_one"),
            autoincrement=False,
            server_default="1",
        ),
        sa.Column("event", sa.BigInteger(), nullable=False),
        sa.Column("post", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute("""
        INSERT INTO signed_since (event, post)
        SELECT (SELECT coalesce(max(seq), 0) FROM events), (SELECT coalesce(max(seq), 0) FROM posts)
    """)
    op.create_index("events_executed", "events", ["seq"], postgresql_where=sa.text(EXECUTED))
    op.create_index("tasks_to_execute", "tasks", ["position"], postgresql_where=sa.text(TO_EXECUTE))


def downgrade() -> None:
    """Refuse: it would destroy what is kept for ever."""
    raise SwarmError("the schema is not taken back", hint="drop the database instead")
