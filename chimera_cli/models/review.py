"""The human step: a card that holds a result until one person decides."""

from datetime import datetime
from enum import StrEnum

from pydantic import JsonValue

from chimera_cli.models.gate import Judgement
from chimera_cli.models.noun import Noun
from chimera_cli.models.result import Usage


class CardStatus(StrEnum):
    """Where a review card stands."""

    PENDING = "PENDING"
    """Waits for a person."""
    APPROVED = "APPROVED"
    """A person let the result take effect."""
    REJECTED = "REJECTED"
    """A person refused it."""
    EXPIRED = "EXPIRED"
    """Its task ended before anybody decided."""


class Decision(StrEnum):
    """What a person may say."""

    APPROVE = "approve"
    REJECT = "reject"


class ReviewCard(Noun):
    """Everything a reviewer needs about one held result."""

    id: str
    """20 hex characters."""
    task_id: str
    """The task whose result is held."""
    goal_id: str
    """Its goal."""
    generation: int
    """Claim of the task under which the result was judged."""
    kind: str
    """Kind of the task."""
    title: str
    """One line of the plan about the task."""
    status: CardStatus = CardStatus.PENDING
    """Where it stands."""
    content: JsonValue
    """The result, exactly as it will take effect."""
    payload: dict[str, JsonValue]
    """The arguments it was made from."""
    judgement: Judgement
    """Confidence, scores with quotes, findings and reasons."""
    usage: Usage = Usage()
    """What making and judging the result consumed."""
    note: str = ""
    """What happened after the decision that the reviewer should know, such as a new run after a conflict."""
    created_at: datetime
    """When it was held."""
    decided_by: str | None = None
    """Operator; None while it waits."""
    decided_at: datetime | None = None
    """When; None while it waits."""
    reason: str = ""
    """The operator's words."""
