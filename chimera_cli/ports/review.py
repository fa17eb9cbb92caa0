"""Review cards, decisions and their audit."""

from datetime import datetime, timedelta
from typing import Protocol

from chimera_cli.models.audit import AuditEvent
from chimera_cli.models.away import NONE_AWAY, Away
from chimera_cli.models.epoch import NO_EPOCHS, Epochs
from chimera_cli.models.performed import Performed, Trace
from chimera_cli.models.release import Seal
from chimera_cli.models.review import CardStatus, Decision, ReviewCard


class ReviewPort(Protocol):
    """Decisions are made here first and carried out by the queue afterwards, so they survive the loss of Redis.

    All may raise BackendUnavailable.
    """

    async def card(self, card_id: str) -> ReviewCard:
        """Return a card. Raises ReviewCardNotFound."""
        ...

    async def cards(
        self, *, status: CardStatus | None = CardStatus.PENDING, goal_id: str | None = None, limit: int = 50
    ) -> list[ReviewCard]:
        """List cards, oldest first; status None means any, limit 0 all."""
        ...

    async def waiting(self) -> tuple[int, datetime | None]:
        """Count the PENDING cards, and tell when the oldest was made."""
        ...

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
        """Decide a PENDING card: compare-and-set, chained audit row and the order to resume in one transaction, by the clock of
        the store. Of two operators, and of an operator and the expiry, exactly one wins.

        Args:
            card_id: Which card.
            decision: What the person says.
            operator: Who.
            reason: The person's words.
            digest: What the card must show, or the beginning of that; empty for whatever it shows.
            seal: Vouches for an approval; stored with it.

        Raises:
            ReviewCardNotFound: No such card.
            AlreadyDecided: Somebody was first, or the card has expired or become stale; says who and when, and which card took
                its place.
            Conflict: It does not show `digest`. Or it is to be approved and somebody altered it, or the judges have since held
                results under another policy or rubric: then it is STALE now, and its result is judged again.
        """
        ...

    async def expire(self, older_than: timedelta, limit: int = 100) -> int:
        """Have PENDING cards expire that are older than this, by compare-and-set, with an audit row by `chimera` and the order to
        fail their tasks in one transaction; returns how many. Cards of paused goals wait on. Any process may call it any time."""
        ...

    async def unresumed(self, limit: int = 100, *, away: Away = NONE_AWAY) -> list[ReviewCard]:
        """List cards that wait no longer and are not carried out in the queue yet, oldest first; an approval is not among them
        while its goal is paused, and none of shards that are away is."""
        ...

    async def epochs(self) -> Epochs:
        """Return the current epoch of each shard; read it after the cards that are to be carried out."""
        ...

    async def mark_resumed(self, card_id: str, note: str = "", *, epochs: Epochs = NO_EPOCHS) -> bool:
        """Note that a decision was carried out, or why it could not be, and tell whether it was; harmless when repeated.

        The note is dropped when the record shows that somebody else carried it out.

        Raises:
            StaleEpoch: It was carried out in a Redis of these epochs, and one of them is over.
        """
        ...

    async def audit(self, *, since: datetime | None = None, limit: int = 50) -> list[AuditEvent]:
        """List audit rows, oldest first, the last `limit` of them; limit 0 means all."""
        ...

    async def audit_after(self, seq: int, limit: int = 500) -> list[AuditEvent]:
        """List the next audit rows after the given one, in the order of the chain; empty at its end."""
        ...

    async def performed(self, trace: Trace, after: int, limit: int) -> list[Performed]:
        """List the next effects that left such a trace behind the given place, in order, with the sealed approvals of their tasks;
        empty at the end. What was made before there were seals is left out."""
        ...
