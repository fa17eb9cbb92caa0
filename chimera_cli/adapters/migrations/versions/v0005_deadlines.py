"""A deadline is a moment that every reader's calendar has: one row beyond it would stop every listing and every dispatch.

It repeats what the rows say on purpose: a migration must not change when they do.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "0005"
down_revision: str | Sequence[str] | None = "0004"


def upgrade() -> None:
    """Bring the deadlines that there are within the bounds, then refuse others. They stay as good as never, or long passed."""
    op.execute("UPDATE tasks SET deadline = '1970-01-01Z' WHERE deadline < '1970-01-01Z'")
    op.execute("UPDATE tasks SET deadline = '9000-01-01Z' WHERE deadline > '9000-01-01Z'")
    op.create_check_constraint(
        "tasks_deadline", "tasks", "deadline BETWEEN TIMESTAMPTZ '1970-01-01Z' AND TIMESTAMPTZ '9000-01-01Z'"
    )


def downgrade() -> None:
    """Take any deadline, as the release before did."""
    op.drop_constraint("tasks_deadline", "tasks")
