"""The life of a review card after it was made: decided, set aside as stale, or expired; each step within the caller's transaction.

The audit's lock is always taken last: whoever holds it must not wait for anything else.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from chimera_cli.adapters import postgres_audit
from chimera_cli.adapters import review_sql as sql
from chimera_cli.adapters.row import json_text
from chimera_cli.exceptions import AlreadyDecided, Conflict, ReviewCardNotFound
from chimera_cli.models.audit import SWARM
from chimera_cli.models.gate import Judgement
from chimera_cli.models.release import Seal
from chimera_cli.models.review import CardStatus, Decision

Locked = Row[Any]
"""A card whose row nobody else can change until the transaction ends."""
OUTCOME = {Decision.APPROVE: CardStatus.APPROVED, Decision.REJECT: CardStatus.REJECTED}


async def pending(connection: AsyncConnection, card_id: str, digest: str) -> Locked:
    """Lock a card that waits for a decision.

    Args:
        connection: The transaction.
        card_id: Which.
        digest: What it must show, or the beginning of that; empty for whatever it shows.

    Raises:
        ReviewCardNotFound: No such card.
        AlreadyDecided: It waits no longer; names the card that took its place, if there is one.
        Conflict: It shows something else.
    """
    card = (await connection.execute(sql.LOCK_CARD, {"id": card_id})).one_or_none()
    if card is None:
        raise ReviewCardNotFound(card_id)
    if card.status != CardStatus.PENDING:
        newer = (await connection.execute(sql.NEWER_CARD, {"id": card_id})).scalar_one_or_none()
        raise AlreadyDecided(card_id, card.status, card.decided_by, card.decided_at, newer or "")
    shown = _judged(card).digest
    if not shown.startswith(digest):
        raise Conflict(
            f"card {card_id} shows {shown[:12]}, not {digest[:12]}: it is not what you saw",
            hint=f"chimera review show {card_id}",
        )
    return card


async def stale(connection: AsyncConnection, card: Locked) -> str:
    """Say why what a card shows would not take effect as it was judged; empty when it would."""
    judged = _judged(card)
    if not judged.covers(card.task_id, card.payload, card.content):
        return "it was altered, what it shows is not what was judged"
    newest = (await connection.execute(sql.NEWEST_JUDGEMENT)).scalar_one_or_none()
    policy, rubric = _versions(judged)
    if newest and policy and (now := _versions_told(newest)) != (policy, rubric):
        return (
            f"it was judged under policy {policy} and rubric {rubric},"
            f" and the judges work under policy {now[0]} and rubric {now[1]} by now"
        )
    return ""


def _versions(judgement: Judgement) -> tuple[str, str]:
    return judgement.decision.policy_version, judgement.verdict.rubric_version


def _versions_told(judgement: Any) -> tuple[str, str]:
    """Return the versions of another card's judgement, which a newer release may have written: no more of it is read."""
    return str(judgement["decision"]["policy_version"]), str(judgement["verdict"]["rubric_version"])


async def decide(
    connection: AsyncConnection, card: Locked, decision: Decision, operator: str, reason: str, *, seal: Seal | None
) -> None:
    """Store a person's decision with its seal; that `resumed_at` is empty is the order to carry it out."""
    row = await _audit(connection, card, decision.value, operator=operator, reason=reason)
    sealed = json_text(seal.model_dump(mode="json")) if seal else None
    decided = {"status": OUTCOME[decision].value, "operator": row.operator, "at": row.at, "seal": sealed}
    await connection.execute(sql.DECIDE_CARD, {"id": card.id, "reason": row.reason, **decided})


async def set_aside(connection: AsyncConnection, card: Locked, why: str) -> None:
    """Make a card STALE and order that its result is judged again."""
    row = await _audit(connection, card, "stale", operator=SWARM, reason=why)
    aside = {"status": CardStatus.STALE.value, "operator": None, "at": row.at, "seal": None}
    await connection.execute(sql.DECIDE_CARD, {"id": card.id, "reason": row.reason, **aside})


async def expire(connection: AsyncConnection, older_than: timedelta, limit: int) -> int:
    """Make the oldest PENDING cards EXPIRED if they are older than this, order that their tasks fail, and count them."""
    seconds = older_than.total_seconds()
    asked = {"older_than_s": seconds, "limit_h": f"{seconds / 3600:g}", "most": limit}
    cards = (await connection.execute(sql.EXPIRE_OVERDUE, asked)).all()
    for card in cards:
        await _audit(connection, card, "expire", operator=SWARM, reason=card.reason)
    return len(cards)


async def _audit(connection: AsyncConnection, card: Locked, action: str, *, operator: str, reason: str) -> Any:
    which = {"card_id": card.id, "task_id": card.task_id, "digest": str(card.judgement["digest"])}
    return await postgres_audit.append(connection, action, operator=operator, reason=reason, **which)


def _judged(card: Locked) -> Judgement:
    return Judgement.model_validate(card.judgement)
