"""Operators' orders: their own table, who paused or cancelled a goal, and their rows in the audit.

It repeats what the rows say on purpose: a migration must not change when they do.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from chimera_cli.exceptions import SwarmError

revision: str = "0004"
down_revision: str | Sequence[str] | None = "0003"


def upgrade() -> None:
    """Make the table and the columns. Rows of the audit stay as they are: without a goal their hashes are what they were."""
    op.create_table(
        "orders",
        sa.Column("seq", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("goal_id", sa.Text(collation="C"), nullable=False),
        sa.Column("task_id", sa.Text(collation="C"), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["goal_id"], ["goals.id"]),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("orders_by_goal", "orders", ["goal_id", "task_id", "seq"])
    op.create_index("orders_open", "orders", ["seq"], postgresql_where=sa.text("done_at IS NULL"))
    _goals_and_tasks()
    op.add_column("audit", sa.Column("goal_id", sa.Text(collation="C"), server_default="", nullable=False))
    op.drop_index("audit_by_card", "audit")
    op.create_index(
        "audit_by_card", "audit", ["card_id", "action"], unique=True, postgresql_where=sa.text("card_id <> ''")
    )


def _goals_and_tasks() -> None:
    op.add_column("goals", sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("goals", sa.Column("paused_by", sa.Text(), server_default="", nullable=False))
    op.add_column("goals", sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("goals", sa.Column("cancelled_by", sa.Text(), server_default="", nullable=False))
    op.add_column("goals", sa.Column("ordered", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("tasks", sa.Column("forgiven", sa.Boolean(), server_default="false", nullable=False))
    # Which of several bad ends a replan replaced was not kept so far. Where it replaced all of them, it is known.
    op.execute("""
        UPDATE tasks SET forgiven = true FROM goals
        WHERE goals.id = tasks.goal_id AND goals.forgiven > 0 AND goals.failed + goals.cancelled <= goals.forgiven
          AND tasks.status IN ('REJECTED', 'FAILED', 'CANCELLED')
    """)


def downgrade() -> None:
    """Refuse: it would destroy what is kept for ever."""
    raise SwarmError("what operators ordered is not taken back", hint="restore a copy of the database instead")
