"""Review cards, decisions and their audit on Postgres: ReviewPort."""

from datetime import datetime, timedelta

from sqlalchemy import func, or_
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select

from chimera_cli.adapters import postgres_deciding as deciding
from chimera_cli.adapters import review_sql as sql
from chimera_cli.adapters.postgres_away import elsewhere
from chimera_cli.adapters.postgres_epochs import hold as hold_epochs
from chimera_cli.adapters.postgres_epochs import read as read_epochs
from chimera_cli.adapters.postgres_errors import postgres_errors
from chimera_cli.adapters.postgres_performed import performed
from chimera_cli.adapters.postgres_reads import reading
from chimera_cli.adapters.review_rows import AuditRow, CardRow
from chimera_cli.adapters.row import plain
from chimera_cli.adapters.rows import GoalRow
from chimera_cli.exceptions import Conflict, ReviewCardNotFound
from chimera_cli.models.audit import AuditEvent
from chimera_cli.models.away import NONE_AWAY, Away
from chimera_cli.models.epoch import NO_EPOCHS, Epochs
from chimera_cli.models.performed import Performed, Trace
from chimera_cli.models.release import Seal
from chimera_cli.models.review import CardStatus, Decision, ReviewCard


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

    async def decide(
        self,
        card_id: str,
        decision: Decision,
        operator: str,
        reason: str,
        *,
        digest: str = "",
        seal: Seal | None = None,
    ) -> ReviewCard:
        """Decide a PENDING card, with its audit row and the order to resume, in one transaction.

        Raises:
            ReviewCardNotFound: No such card.
            AlreadyDecided: Somebody was first, or the card has expired or become stale.
            Conflict: It does not show what was meant, or not what would take effect.
        """
        with postgres_errors():
            async with self._engine.begin() as connection:
                card = await deciding.pending(connection, card_id, digest)
                stale = await deciding.stale(connection, card) if decision is Decision.APPROVE else ""
                if stale:
                    await deciding.set_aside(connection, card, stale)
                else:
                    await deciding.decide(connection, card, decision, operator, reason, seal=seal)
        if stale:
            raise Conflict(
                f"card {card_id} is stale: {stale}. The result is judged again, and a fresh card follows",
                hint=f"chimera review list --goal {card.goal_id}",
            )
        return await self.card(card_id)

    async def expire(self, older_than: timedelta, limit: int = 100) -> int:
        """Have cards expire for which the time to decide is over; returns how many."""
        with postgres_errors():
            async with self._engine.begin() as connection:
                return await deciding.expire(connection, older_than, limit)

    async def unresumed(self, limit: int = 100, *, away: Away = NONE_AWAY) -> list[ReviewCard]:
        """List cards that wait no longer and are to be carried out now, oldest first; none of shards that are away."""
        paused = select(GoalRow.id).where(col(GoalRow.paused_at).is_not(None))
        asked = select(CardRow).where(
            col(CardRow.resumed_at).is_(None),
            CardRow.status != CardStatus.PENDING.value,
            or_(col(CardRow.status) != CardStatus.APPROVED.value, col(CardRow.goal_id).not_in(paused)),
            *elsewhere(col(CardRow.goal_id), away),
        )
        async with reading(self._engine) as session:
            rows = await session.exec(asked.order_by(col(CardRow.decided_at), col(CardRow.id)).limit(limit))
            return [row.noun() for row in rows]

    async def epochs(self) -> Epochs:
        """Return the current epoch of each shard."""
        with postgres_errors():
            async with self._engine.connect() as connection:
                return await read_epochs(connection)

    async def mark_resumed(self, card_id: str, note: str = "", *, epochs: Epochs = NO_EPOCHS) -> bool:
        """Note that a decision was carried out, or why it could not be, and tell whether it was; harmless when repeated.

        Raises:
            StaleEpoch: It was carried out in a Redis that was replaced since.
        """
        with postgres_errors():
            async with self._engine.begin() as connection:
                await hold_epochs(connection, epochs)
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

    async def newest_sealed(self) -> ReviewCard | None:
        """Return the card that was approved last with a signature; None when none was."""
        asked = select(CardRow).where(col(CardRow.seal).is_not(None)).order_by(col(CardRow.decided_at).desc()).limit(1)
        async with reading(self._engine) as session:
            row = (await session.exec(asked)).first()
            return row.noun() if row else None

    async def performed(self, trace: Trace, after: int, limit: int) -> list[Performed]:
        """List the next effects that left such a trace, with the sealed approvals of their tasks."""
        with postgres_errors():
            async with self._engine.connect() as connection:
                return await performed(connection, trace, after, limit)
