"""The first schema: goals, tasks, events, state, cards, audit and posts.

It repeats what the rows say on purpose: a migration must not change when they do.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from chimera_cli.exceptions import SwarmError

revision: str = "0001"
down_revision: str | Sequence[str] | None = None

LIVE = "status NOT IN ('COMPLETED', 'REJECTED', 'FAILED', 'CANCELLED')"
REFUSE = """
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is append-only: % is refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$
"""
GUARD = """
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()
"""


def upgrade() -> None:
    """Make the tables, and guard the audit."""
    for make in (_goals, _tasks, _task_indexes, _events, _state, _cards, _card_indexes, _audit, _posts):
        make()
    op.execute(REFUSE)
    op.execute(GUARD)
    # Not even a session that plays a replica passes.
    op.execute("ALTER TABLE audit ENABLE ALWAYS TRIGGER audit_is_append_only")


def downgrade() -> None:
    """Refuse: it would destroy what is kept for ever."""
    raise SwarmError("the first schema is not taken back", hint="drop the database instead")


def _goals() -> None:
    op.create_table(
        "goals",
        _id("id"),
        _text("text"),
        _text("status"),
        _json("persona", nullable=True),
        _number("max_replans"),
        _number("replans", server_default="0"),
        _number("submitted", server_default="0"),
        _number("finished", server_default="0"),
        _number("failed", server_default="0"),
        _number("cancelled", server_default="0"),
        _number("forgiven", server_default="0"),
        _time("created_at"),
        _time("finished_at", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("goals_by_age", "goals", ["created_at", "id"])


def _tasks() -> None:
    op.create_table(
        "tasks",
        _id("id"),
        _id("goal_id"),
        _number("position", sa.Identity()),
        _text("key"),
        _text("kind"),
        _text("title"),
        _json("payload"),
        _json("depends_on"),
        _text("priority"),
        _time("deadline", nullable=True),
        _number("max_retries"),
        _text("status"),
        _text("phase"),
        _number("version", server_default="0"),
        _number("generation", server_default="0"),
        _number("attempts", server_default="0"),
        _text("error", server_default=""),
        _json("output", nullable=True),
        _text("agent", server_default=""),
        _time("created_at"),
        _time("updated_at"),
        _time("dispatched_at", nullable=True),
        sa.ForeignKeyConstraint(["goal_id"], ["goals.id"]),
        sa.PrimaryKeyConstraint("id"),
    )


def _task_indexes() -> None:
    op.create_index("tasks_by_goal", "tasks", ["goal_id", "position"])
    op.create_index("tasks_by_position", "tasks", ["position"], unique=True)
    op.create_index("tasks_live_by_goal", "tasks", ["goal_id"], postgresql_where=sa.text(LIVE))
    op.create_index(
        "tasks_undispatched", "tasks", ["position"], postgresql_where=sa.text(f"dispatched_at IS NULL AND {LIVE}")
    )


def _events() -> None:
    op.create_table(
        "events",
        _number("shard", autoincrement=False),
        _id("entry_id"),
        _number("seq", sa.Identity()),
        _time("at"),
        _text("name"),
        _id("task_id"),
        _id("goal_id"),
        _text("status"),
        _text("phase"),
        _number("version"),
        _number("generation"),
        _number("attempts"),
        _text("agent"),
        _json("output", nullable=True),
        _json("changes"),
        _text("error"),
        _json("data"),
        sa.PrimaryKeyConstraint("shard", "entry_id"),
    )
    op.create_index("events_by_goal", "events", ["goal_id", "seq"])
    op.create_index("events_by_task", "events", ["task_id", "seq"])


def _state() -> None:
    op.create_table(
        "state",
        _id("goal_id"),
        _text("key"),
        _json("value", nullable=True),
        _number("version"),
        _time("updated_at"),
        sa.ForeignKeyConstraint(["goal_id"], ["goals.id"]),
        sa.PrimaryKeyConstraint("goal_id", "key"),
    )


def _cards() -> None:
    op.create_table(
        "cards",
        _id("id"),
        _id("task_id"),
        _id("goal_id"),
        _number("generation"),
        _text("kind"),
        _text("title"),
        _text("status"),
        _json("content", nullable=True),
        _json("payload"),
        _json("judgement"),
        _json("usage"),
        _text("note", server_default=""),
        _time("created_at"),
        _text("decided_by", nullable=True),
        _time("decided_at", nullable=True),
        _text("reason", server_default=""),
        _time("resumed_at", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )


def _card_indexes() -> None:
    op.create_index("cards_by_age", "cards", ["created_at", "id"])
    op.create_index("cards_by_hold", "cards", ["task_id", "generation"], unique=True)
    op.create_index("cards_pending", "cards", ["created_at", "id"], postgresql_where=sa.text("status = 'PENDING'"))
    op.create_index(
        "cards_unresumed",
        "cards",
        ["decided_at", "id"],
        postgresql_where=sa.text("resumed_at IS NULL AND status IN ('APPROVED', 'REJECTED')"),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        _number("seq", autoincrement=False),
        _time("at"),
        _text("operator"),
        _text("action"),
        _id("card_id"),
        _id("task_id"),
        _text("digest"),
        _text("reason"),
        _text("prev_hash"),
        _text("hash"),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("audit_by_card", "audit", ["card_id", "action"], unique=True)
    op.create_index("audit_by_time", "audit", ["at", "seq"])


def _posts() -> None:
    op.create_table(
        "posts",
        _text("idempotency_key"),
        _number("seq", sa.Identity()),
        _text("platform"),
        _json("post"),
        _time("at", server_default=sa.text("clock_timestamp()")),
        sa.PrimaryKeyConstraint("idempotency_key"),
    )
    op.create_index("posts_by_seq", "posts", ["seq"], unique=True)


def _id(name: str, *args: Any, **kwargs: Any) -> sa.Column[str]:
    return _column(name, sa.Text(collation="C"), *args, **kwargs)


def _text(name: str, *args: Any, **kwargs: Any) -> sa.Column[str]:
    return _column(name, sa.Text(), *args, **kwargs)


def _number(name: str, *args: Any, **kwargs: Any) -> sa.Column[int]:
    return _column(name, sa.BigInteger(), *args, **kwargs)


def _time(name: str, *args: Any, **kwargs: Any) -> sa.Column[Any]:
    return _column(name, sa.DateTime(timezone=True), *args, **kwargs)


def _json(name: str, *args: Any, **kwargs: Any) -> sa.Column[Any]:
    return _column(name, sa.JSON(none_as_null=True), *args, **kwargs)


def _column(name: str, kind: Any, *args: Any, nullable: bool = False, **kwargs: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, *args, nullable=nullable, **kwargs)
