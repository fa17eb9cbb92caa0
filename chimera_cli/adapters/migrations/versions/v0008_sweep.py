"""How far the fleet's sweep through the live tasks has come, and an index of them in the order of submission."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from chimera_cli.exceptions import SwarmError

revision: str = "0008"
down_revision: str | Sequence[str] | None = "0007"

LIVE = "status NOT IN ('COMPLETED', 'REJECTED', 'FAILED', 'CANCELLED')"


def upgrade() -> None:
    """Make the one row, whose first page is due at once."""
    op.create_table(
        "sweeps",
        sa.Column(
            "id", sa.BigInteger(), sa.CheckConstraint("id = 1", "sweeps_one"), autoincrement=False, server_default="1"
        ),
        sa.Column("position", sa.BigInteger(), nullable=False, server_default="-1"),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")),
        sa.Column("missed", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("stuck", sa.BigInteger(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute("INSERT INTO sweeps DEFAULT VALUES")
    op.create_index(
        "tasks_live", "tasks", ["position"], postgresql_where=sa.text(f"dispatched_at IS NOT NULL AND {LIVE}")
    )


def downgrade() -> None:
    """Refuse: it would destroy what is kept for ever."""
    raise SwarmError("the schema is not taken back", hint="drop the database instead")
