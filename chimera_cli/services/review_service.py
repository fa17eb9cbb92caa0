"""The human step: decide in the record first, then let the queue carry it out."""

from datetime import timedelta

from chimera_cli.exceptions import BackendUnavailable, ConfigError
from chimera_cli.models.away import NONE_AWAY, Away
from chimera_cli.models.epoch import NO_EPOCHS, Epochs
from chimera_cli.models.release import ReviewMode, Seal
from chimera_cli.models.review import Decision, Resumption, ReviewCard
from chimera_cli.models.telemetry import Level, TelemetryEvent, backend_lost
from chimera_cli.ports.queue import TaskQueuePort
from chimera_cli.ports.review import ReviewPort
from chimera_cli.ports.telemetry import TelemetryPort
from chimera_cli.services.vouching import KEY_HINT, NO_KEY, Voucher

NOTES = {
    Resumption.DONE: "",
    Resumption.AGAIN: "",
    Resumption.LATE: "when the decision was carried out, the task no longer waited for it",
    Resumption.OTHER: "the decision changed nothing, for the card did not show what was held; that is judged again",
}
"""Note on a card by what became of its decision. What is made again is noted by the record, when the queue tells it."""
MADE_AGAIN = "the state had moved on, so the result is made again and comes back for review"
"""What whoever approved is told at once."""
WHILE_PAUSED = "the goal is paused: what was approved is carried out when it goes on"
"""Said about an approval that has to wait."""


class ReviewService:
    """Decides review cards, and has them expire."""

    def __init__(
        self,
        reviews: ReviewPort,
        queue: TaskQueuePort,
        telemetry: TelemetryPort,
        *,
        voucher: Voucher,
        expire_after: timedelta | None = None,
    ) -> None:
        """Args:
        reviews: Where cards are decided.
        queue: Where decisions are carried out.
        telemetry: Who listens.
        voucher: Signs approvals.
        expire_after: How long a card waits for a person; None for ever.
        """
        self._reviews = reviews
        self._queue = queue
        self._telemetry = telemetry
        self._voucher = voucher
        self.expire_after = expire_after

    async def submit_decision(
        self, card_id: str, decision: Decision, operator: str, reason: str = "", *, digest: str = ""
    ) -> ReviewCard:
        """Decide a card and have the task go on, at once or, when Redis is away, as soon as it is back.

        The card comes back with a note when the decision did not simply take effect; it is APPROVED or REJECTED all the same.

        Raises:
            ReviewCardNotFound: No such card.
            AlreadyDecided: Somebody was first; says who and when.
            Conflict: The card is not what was meant (`digest`), or shows no longer what would take effect.
            BackendUnavailable: The record is away; whether the decision was made is unknown, and repeating it tells.
            ConfigError: It is an approval, and there is no key to sign it with; nothing was decided.
        """
        seal = await self._seal(card_id, operator) if decision is Decision.APPROVE else None
        card = await self._reviews.decide(card_id, decision, operator, reason, digest=digest, seal=seal)
        fields = {"card": card.id, "task": card.task_id, "operator": operator, "action": decision.value}
        self._telemetry.emit(TelemetryEvent(name="review.decided", level=Level.AUDIT, source=operator, fields=fields))
        try:
            note = await self._resume(card, await self._reviews.epochs())
            if note is not None:
                return card.model_copy(update={"note": note})
            waits = {"card": card.id, "task": card.task_id, "goal": card.goal_id}
            said = TelemetryEvent(
                name="review.waits", level=Level.WARN, source="review", message=WHILE_PAUSED, fields=waits
            )
            self._telemetry.emit(said)
        except BackendUnavailable as exc:
            kept = f"the decision on card {card.id} is kept and will be carried out when the server is back"
            self._telemetry.emit(backend_lost("review", exc, kept))
        return card

    async def _seal(self, card_id: str, operator: str) -> Seal:
        """Sign the approval of what a card shows; while it is decided, nobody of us changes that."""
        card = await self._reviews.card(card_id)
        shown = {"task_id": card.task_id, "kind": card.kind, "digest": card.judgement.digest}
        seal = self._voucher.seal(ReviewMode.PERSON, **shown, who=operator)
        if seal is None:
            raise ConfigError(NO_KEY, hint=KEY_HINT)
        return seal

    async def expire_overdue(self) -> int:
        """Have cards expire that waited longer than the policy allows; returns how many."""
        return await self._reviews.expire(self.expire_after) if self.expire_after else 0

    async def resume_decided(self, *, away: Away = NONE_AWAY) -> int:
        """Carry out what is decided, expired or stale and not carried out yet, but on shards that are away; returns how many."""
        cards = await self._reviews.unresumed(away=away)
        epochs = await self._reviews.epochs() if cards else NO_EPOCHS
        done, failed = 0, None
        for card in cards:
            if away.holds(card.goal_id):
                continue
            try:
                done += await self._resume(card, epochs) is not None
            except BackendUnavailable as error:
                away = away.without(card.goal_id)
                if error.backend != "Redis" or away.all:
                    raise
                failed = failed or error
        if failed:
            raise failed
        return done

    async def _resume(self, card: ReviewCard, epochs: Epochs) -> str | None:
        """Carry it out, and say what the reviewer should know of how that went; None when it has to wait."""
        became = await self._queue.resume(card, epochs=epochs)
        if became is Resumption.PAUSED:
            return None
        # Of several that carry out one decision, the last may find that the queue has forgotten the task: the record remembers.
        done = await self._reviews.mark_resumed(card.id, NOTES[became], epochs=epochs)
        return MADE_AGAIN if became is Resumption.AGAIN else "" if done else NOTES[became]
