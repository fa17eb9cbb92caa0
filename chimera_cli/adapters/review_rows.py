"""Review cards, the audit of decisions, and the outbox: rows, and the way to nouns and back."""

import hashlib
from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import CheckConstraint, Identity, Index, text

from chimera_cli.adapters.row import Row, id_column, json_column, number_column, text_column, time_column
from chimera_cli.models.audit import AuditEvent
from chimera_cli.models.gate import Judgement
from chimera_cli.models.identity import ID_LENGTH
from chimera_cli.models.release import Seal
from chimera_cli.models.result import Usage
from chimera_cli.models.review import CardStatus, ReviewCard


class CardRow(Row, table=True):
    """A held result that waits for a person, or what became of it."""

    __tablename__ = "cards"
    __table_args__ = (
        Index("cards_by_hold", "task_id", "generation", unique=True),
        Index("cards_by_age", "created_at", "id"),
        Index("cards_pending", "created_at", "id", postgresql_where=text("status = 'PENDING'")),
        Index(
            "cards_unresumed",
            "decided_at",
            "id",
            postgresql_where=text("resumed_at IS NULL AND status <> 'PENDING'"),
        ),
    )

    id: str = id_column(primary_key=True)
    """Id of the card; see `card_id`."""
    task_id: str = id_column()
    """The task whose result is held."""
    goal_id: str = id_column()
    """Its goal."""
    generation: int = number_column()
    """Claim of the task under which the result was judged."""
    kind: str = text_column()
    """Kind of the task."""
    title: str = text_column()
    """The plan's line about it."""
    status: str = text_column()
    """A CardStatus."""
    content: JsonValue = json_column(nullable=True)
    """The held result."""
    payload: dict[str, JsonValue] = json_column()
    """The arguments it was made from."""
    judgement: dict[str, JsonValue] = json_column()
    """A Judgement."""
    usage: dict[str, JsonValue] = json_column()
    """A Usage."""
    note: str = text_column(server_default="")
    """What happened after the decision."""
    created_at: datetime = time_column()
    """When it was held."""
    decided_by: str | None = text_column(nullable=True)
    """The operator; NULL while it waits and when nobody decided."""
    decided_at: datetime | None = time_column(nullable=True)
    """When it was decided, expired or became stale; NULL while it waits."""
    reason: str = text_column(server_default="")
    """The operator's words, or why it waits no longer."""
    resumed_at: datetime | None = time_column(nullable=True)
    """When that was carried out in the queue; NULL before. A card that waits no longer and has none is still to be carried out."""
    seal: dict[str, JsonValue] | None = json_column(nullable=True)
    """A Seal, which vouches for an approval; NULL for anything else, and for approvals of releases that did not sign."""

    def noun(self) -> ReviewCard:
        """Return the card."""
        return ReviewCard(
            id=self.id,
            task_id=self.task_id,
            goal_id=self.goal_id,
            generation=self.generation,
            kind=self.kind,
            title=self.title,
            status=CardStatus(self.status),
            content=self.content,
            payload=self.payload,
            judgement=Judgement.model_validate(self.judgement),
            usage=Usage.model_validate(self.usage),
            note=self.note,
            created_at=self.created_at,
            decided_by=self.decided_by,
            decided_at=self.decided_at,
            reason=self.reason,
            seal=None if self.seal is None else Seal.model_validate(self.seal),
        )


class AuditRow(Row, table=True):
    """One decision or order, chained by hash. A trigger refuses to change or remove it."""

    __tablename__ = "audit"
    __table_args__ = (
        Index("audit_by_card", "card_id", "action", unique=True, postgresql_where=text("card_id <> ''")),
        Index("audit_by_time", "at", "seq"),
    )

    seq: int = number_column(primary_key=True, autoincrement=False)
    """Counts from 1 without gaps."""
    at: datetime = time_column()
    """When, by the clock of the database."""
    operator: str = text_column()
    """Who."""
    action: str = text_column()
    """What: approve, reject, rerun, expire or stale, each at most once a card; or an OrderAction."""
    card_id: str = id_column()
    """Which card; empty for an order."""
    task_id: str = id_column()
    """Which task; empty for an order about a goal."""
    digest: str = text_column()
    """What exactly was decided on; empty for an order."""
    reason: str = text_column()
    """The operator's words."""
    prev_hash: str = text_column()
    """Hash of the row before."""
    hash: str = text_column()
    """Hash of this row."""
    goal_id: str = id_column(server_default="")
    """Which goal, of an order; empty for a decision."""

    def noun(self) -> AuditEvent:
        """Return the audit event."""
        return AuditEvent(**self.model_dump())


class PostRow(Row, table=True):
    """A published post."""

    __tablename__ = "posts"
    __table_args__ = (Index("posts_by_seq", "seq", unique=True),)

    idempotency_key: str = text_column(primary_key=True)
    """Stored once, whoever repeats it."""
    seq: int = number_column(Identity())
    """Order of publishing; with gaps."""
    platform: str = text_column()
    """The network it is for."""
    post: dict[str, JsonValue] = json_column()
    """The post."""
    at: datetime = time_column(server_default=text("clock_timestamp()"))
    """When it was published, by the clock of the database."""

    def noun(self) -> dict[str, JsonValue]:
        """Return the post with what is known of it."""
        return {
            "idempotency_key": self.idempotency_key,
            "platform": self.platform,
            "post": self.post,
            "at": self.at.isoformat(),
        }


def card_id(task_id: str, generation: int) -> str:
    """Derive a card's id, so that recording its event again makes no second card."""
    return hashlib.sha256(f"card\n{task_id}\n{generation}".encode()).hexdigest()[:ID_LENGTH]


class LostPostRow(Row, table=True):
    """A post that a completed task made and that the outbox does not hold: Postgres was put back to a copy from before it."""

    __tablename__ = "lost_posts"

    idempotency_key: str = text_column(primary_key=True)
    """Under which it was stored."""
    task_id: str = id_column()
    """The task."""
    at: datetime = time_column(server_default=text("clock_timestamp()"))
    """When that was noticed, by the clock of the database."""


class SignedSinceRow(Row, table=True):
    """From where on each effect has a signed decision behind it; one row. Releases that did not sign made what is older."""

    __tablename__ = "signed_since"
    __table_args__ = (CheckConstraint("id = 1", "signed_since_one"),)

    id: int = number_column(primary_key=True, autoincrement=False, server_default="1")
    """Always 1."""
    event: int = number_column()
    """The last event recorded before."""
    post: int = number_column()
    """The last post stored before."""
