"""The human step: a card that holds a result until one person decides."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field, JsonValue

from chimera_cli.models.gate import Judgement
from chimera_cli.models.noun import Noun
from chimera_cli.models.release import Seal
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
    """Nobody decided in time: it grew older than the policy allows, which fails its task, or its task ended before."""
    STALE = "STALE"
    """What it shows is no longer what would take effect; another card follows, unless the task ends without one."""


class Decision(StrEnum):
    """What a person may say."""

    APPROVE = "approve"
    REJECT = "reject"


class Resumption(StrEnum):
    """What became of a decision in the queue."""

    DONE = "done"
    """It took effect, now or when it was carried out before."""
    AGAIN = "again"
    """It was an approval, and the state had moved on: the result is made again, and judged again."""
    LATE = "late"
    """The task no longer waited for it; nothing changed."""
    OTHER = "other"
    """The card does not show what is held; the result is judged again, which makes a fresh card."""
    PAUSED = "paused"
    """It is an approval, and waits until the goal goes on; nothing changed."""


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
    """Operator; None while it waits, and when nobody did: it expired or became stale."""
    decided_at: datetime | None = None
    """When it was decided, expired or became stale; None while it waits."""
    reason: str = ""
    """The operator's words; of one that nobody decided, why it waits no longer."""
    seal: Seal | None = Field(default=None, exclude=True, repr=False)
    """Vouches for an approval; None for any other card, and for approvals of releases that did not sign."""

    def expires_at(self, expire_after: timedelta | None) -> datetime | None:
        """Return when it expires if nobody decides; None for never, and for one that waits no longer."""
        waits = self.status is CardStatus.PENDING and expire_after is not None
        return self.created_at + expire_after if waits and expire_after else None

    def rivals(self, others: Iterable["ReviewCard"]) -> "list[ReviewCard]":
        """Return those that wait too and write to a state key that this one writes to: of them all the first approved takes
        effect as it is, the others are merged into what it wrote or made again."""
        keys = self.judgement.changes.keys()
        return [
            card
            for card in others
            if card.task_id != self.task_id
            and card.status is CardStatus.PENDING
            and keys & card.judgement.changes.keys()
        ]
