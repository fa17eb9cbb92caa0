"""The human step: decide in the record first, then let the queue carry it out."""

from chimera_cli.exceptions import BackendUnavailable
from chimera_cli.models.review import Decision, ReviewCard
from chimera_cli.models.telemetry import Level, TelemetryEvent, backend_lost
from chimera_cli.ports.queue import TaskQueuePort
from chimera_cli.ports.review import ReviewPort
from chimera_cli.ports.telemetry import TelemetryPort

TOO_LATE = "when the decision was carried out, the task no longer waited for it"
"""Note on a card whose task ended otherwise between the decision and its execution."""


class ReviewService:
    """Decides review cards."""

    def __init__(self, reviews: ReviewPort, queue: TaskQueuePort, telemetry: TelemetryPort) -> None:
        self._reviews = reviews
        self._queue = queue
        self._telemetry = telemetry

    async def submit_decision(self, card_id: str, decision: Decision, operator: str, reason: str = "") -> ReviewCard:
        """Decide a card and have the task go on, at once or, when Redis is away, as soon as it is back.

        Raises:
            ReviewCardNotFound: No such card.
            AlreadyDecided: Somebody was first; says who and when.
            BackendUnavailable: The record is away; whether the decision was made is unknown, and repeating it tells.
        """
        card = await self._reviews.decide(card_id, decision, operator, reason)
        fields = {"card": card.id, "task": card.task_id, "operator": operator, "action": decision.value}
        self._telemetry.emit(TelemetryEvent(name="review.decided", level=Level.AUDIT, source=operator, fields=fields))
        try:
            if not await self._resume(card):
                return card.model_copy(update={"note": TOO_LATE})
        except BackendUnavailable as exc:
            kept = f"the decision on card {card.id} is kept and will be carried out when the server is back"
            self._telemetry.emit(backend_lost("review", exc, kept))
        return card

    async def resume_decided(self) -> int:
        """Carry out decisions that are not carried out yet; returns how many."""
        cards = await self._reviews.unresumed()
        for card in cards:
            await self._resume(card)
        return len(cards)

    async def _resume(self, card: ReviewCard) -> bool:
        # Of several that carry out one decision, the last may find that the queue has forgotten the task: the record remembers.
        resumed = await self._queue.resume(card)
        return await self._reviews.mark_resumed(card.id, "" if resumed else TOO_LATE)
