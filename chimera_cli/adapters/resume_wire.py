"""A decided card as the arguments of resume.lua."""

from chimera_cli.models.audit import SWARM
from chimera_cli.models.release import Seal
from chimera_cli.models.review import CardStatus, ReviewCard

ORDERS = {
    CardStatus.APPROVED: "approve",
    CardStatus.REJECTED: "reject",
    CardStatus.EXPIRED: "expire",
    CardStatus.STALE: "judge",
}
"""What resume.lua is told about a card that waits no longer."""


def resume_fields(card: ReviewCard, epoch: int) -> tuple[str | int, ...]:
    """Write what was decided, for a Redis of this epoch."""
    held = card.task_id, card.generation, card.judgement.digest
    return *held, ORDERS[card.status], card.decided_by or SWARM, card.reason, epoch, seal_text(card.seal)


def seal_text(seal: Seal | None) -> str:
    """Write a seal as a field of a task; '' for none."""
    return seal.model_dump_json() if seal else ""
