"""Review cards, decisions and their audit on Postgres: ReviewPort."""

from datetime import datetime

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select

from chimera_cli.adapters import postgres_audit
from chimera_cli.adapters import postgres_sql as sql
from chimera_cli.adapters.postgres_errors import postgres_errors
from chimera_cli.adapters.postgres_reads import reading
from chimera_cli.adapters.review_rows import AuditRow, CardRow
from chimera_cli.adapters.row import plain
from chimera_cli.exceptions import AlreadyDecided, Conflict, ReviewCardNotFound
from chimera_cli.models.audit import AuditEvent
from chimera_cli.models.gate import Judgement
from chimera_cli.models.review import CardStatus, Decision, ReviewCard

OUTCOME = {Decision.APPROVE: CardStatus.APPROVED, Decision.REJECT: CardStatus.REJECTED}


class PostgresReview:
    """The human step. The engine belongs to whoever made it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def card(self, card_id: str) -> ReviewCard:
        """Return a card. Raises ReviewCardNotFound."""
        async with reading(self._engine) as session:
            row = await session.get(CardRow, card_id)
            if row is None:
                raise ReviewCardNotFound(card_id)
            return row.noun()

    async def cards(
        self, *, status: CardStatus | None = CardStatus.PENDING, goal_id: str | None = None, limit: int = 50
    ) -> list[ReviewCard]:
        """List cards, oldest first; status None means any, limit 0 all."""
        asked = select(CardRow).order_by(col(CardRow.created_at), col(CardRow.id)).limit(limit or None)
        if status is not None:
            asked = asked.where(CardRow.status == status.value)
        if goal_id is not None:
            asked = asked.where(CardRow.goal_id == goal_id)
        async with reading(self._engine) as session:
            return [row.noun() for row in await session.exec(asked)]

    async def waiting(self) -> tuple[int, datetime | None]:
        """Count the PENDING cards, and tell when the oldest was made."""
        asked = select(func.count(), func.min(CardRow.created_at)).where(CardRow.status == CardStatus.PENDING.value)
        async with reading(self._engine) as session:
            count, oldest = (await session.exec(asked)).one()
            return count, oldest

    async def decide(self, card_id: str, decision: Decision, operator: str, reason: str) -> ReviewCard:
        """Decide a PENDING card, with its audit row and the order to resume, in one transaction.

        Raises:
            ReviewCardNotFound: No such card.
            AlreadyDecided: Somebody was first, or the card has expired.
            Conflict: It is to be approved, and does not show what was judged.
        """
        with postgres_errors():
            async with self._engine.begin() as connection:
                card = (await connection.execute(sql.LOCK_CARD, {"id": card_id})).one_or_none()
                if card is None:
                    raise ReviewCardNotFound(card_id)
                if card.status != CardStatus.PENDING:
                    raise AlreadyDecided(card_id, card.status, card.decided_by, card.decided_at)
                judged = Judgement.model_validate(card.judgement)
                if decision is Decision.APPROVE and not judged.covers(card.task_id, card.payload, card.content):
                    raise Conflict(
                        f"card {card_id} was altered: what it shows is not what was judged",
                        hint=f'chimera review reject {card_id} --reason "altered"',
                    )
                row = await postgres_audit.append(
                    connection,
                    decision.value,
                    card_id=card_id,
                    task_id=card.task_id,
                    digest=judged.digest,
                    operator=operator,
                    reason=reason,
                )
                decided = {"status": OUTCOME[decision].value, "operator": row.operator, "at": row.at}
                await connection.execute(sql.DECIDE_CARD, {"id": card_id, "reason": row.reason, **decided})
        return await self.card(card_id)

    async def unresumed(self, limit: int = 100) -> list[ReviewCard]:
        """List decided cards whose decision is not carried out yet, oldest first."""
        asked = select(CardRow).where(
            col(CardRow.resumed_at).is_(None), col(CardRow.status).in_([status.value for status in OUTCOME.values()])
        )
        async with reading(self._engine) as session:
            rows = await session.exec(asked.order_by(col(CardRow.decided_at), col(CardRow.id)).limit(limit))
            return [row.noun() for row in rows]

    async def mark_resumed(self, card_id: str, note: str = "") -> bool:
        """Note that a decision was carried out, or why it could not be, and tell whether it was; harmless when repeated."""
        with postgres_errors():
            async with self._engine.begin() as connection:
                if note and (await connection.execute(sql.CARRIED_OUT, {"id": card_id})).scalar_one():
                    note = ""
                await connection.execute(sql.MARK_RESUMED, {"id": card_id, "note": plain(note)})
        return not note

    async def audit(self, *, since: datetime | None = None, limit: int = 50) -> list[AuditEvent]:
        """List audit rows, oldest first, the last `limit` of them; limit 0 means all."""
        asked = select(AuditRow).order_by(col(AuditRow.seq).desc()).limit(limit or None)
        if since is not None:
            asked = asked.where(AuditRow.at >= since)
        async with reading(self._engine) as session:
            rows = (await session.exec(asked)).all()
        return [row.noun() for row in reversed(rows)]

    async def audit_after(self, seq: int, limit: int = 500) -> list[AuditEvent]:
        """List the next audit rows after the given one, in the order of the chain."""
        asked = select(AuditRow).where(AuditRow.seq > seq).order_by(col(AuditRow.seq)).limit(limit)
        async with reading(self._engine) as session:
            return [row.noun() for row in await session.exec(asked)]
