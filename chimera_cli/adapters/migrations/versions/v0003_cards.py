"""Cards that expired or became stale are carried out in the queue like decisions.

It repeats what the rows say on purpose: a migration must not change when they do.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | Sequence[str] | None = "0002"

DECIDED = "resumed_at IS NULL AND status IN ('APPROVED', 'REJECTED')"
OVER = "resumed_at IS NULL AND status <> 'PENDING'"


def upgrade() -> None:
    """Find every card that waits no longer by the index. So far cards expired only because their tasks had ended."""
    op.execute("""
        UPDATE cards SET resumed_at = coalesce(decided_at, created_at), reason = 'its task ended before anybody decided'
        WHERE status = 'EXPIRED' AND resumed_at IS NULL
    """)
    _replace(OVER)


def downgrade() -> None:
    """Look for decided cards only, as the release before did."""
    _replace(DECIDED)


def _replace(where: str) -> None:
    op.drop_index("cards_unresumed", "cards")
    op.create_index("cards_unresumed", "cards", ["decided_at", "id"], postgresql_where=sa.text(where))
