"""The record's identity, and the processes that live with it.

It repeats what the rows say on purpose: a migration must not change when they do.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from chimera_cli.exceptions import SwarmError

revision: str = "0007"
down_revision: str | Sequence[str] | None = "0006"


def upgrade() -> None:
    """Make the tables; whoever migrates writes the row, which names the namespace."""
    op.create_table(
        "identity",
        sa.Column("one", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("shards", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("redis", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("bound_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("emptying", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint("one", name="identity_one"),
        sa.PrimaryKeyConstraint("one"),
    )
    op.create_table(
        "processes",
        sa.Column("process", sa.Text(collation="C"), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(collation="C"), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("process"),
    )


def downgrade() -> None:
    """Refuse: which Redis the record belongs to would be forgotten."""
    raise SwarmError("the schema is not taken back", hint="restore a copy of the database instead")
