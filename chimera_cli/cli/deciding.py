"""Deciding several review cards: each by itself, so that one that somebody else was first on does not stop the rest."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chimera_cli.cli.failing import say_errors
from chimera_cli.cli.terminal import Terminal
from chimera_cli.cli.words import operator
from chimera_cli.exceptions import Conflict, NotFound, SwarmError

if TYPE_CHECKING:
    from chimera_cli.models.review import ReviewCard
    from chimera_cli.services.swarm import Swarm


def decide_all(
    terminal: Terminal, cards: Sequence[str], word: str, name: str | None, reason: str, digest: str = ""
) -> int:
    """Decide cards in the order given; returns the lowest exit code of those that failed, 0 when none did.

    A decision that came too late, for its task had ended otherwise, is a conflict too. That a result is made again after its
    approval is none: the decision stands in the audit, and so does the new run.

    Raises:
        SwarmError: The only card given could not be decided, or a server is away.
    """
    from chimera_cli.models.review import Decision
    from chimera_cli.views.documents import cards_document
    from chimera_cli.views.shown import Column, Grid

    who = operator(name, terminal.settings().operator)
    decided: list[ReviewCard] = []
    failed: list[SwarmError] = []

    async def work() -> None:
        async with terminal.swarm() as swarm:
            for card in dict.fromkeys(cards):
                try:
                    decided.append(await _decide(swarm, card, Decision(word), who, reason, digest))
                except (Conflict, NotFound) as error:
                    failed.append(error)

    terminal.run(work())
    if failed and len(cards) == 1:
        raise failed[0]
    rows = [(card.id, str(card.status), card.decided_by or "-", card.title) for card in decided]
    columns = (Column("card", whole=True), Column("status", whole=True), Column("by"), Column("title"))
    terminal.show(cards_document(decided), Grid("", columns, rows, empty="nothing was decided"))
    return say_errors(terminal, [*failed, *_late(terminal, decided)])


async def _decide(swarm: "Swarm", card: str, decision: Any, who: str, reason: str, digest: str) -> "ReviewCard":
    card_id = await swarm.record.resolve("review card", card)
    return await swarm.decide(card_id, decision, who, reason, digest=digest)


def _late(terminal: Terminal, decided: Sequence["ReviewCard"]) -> list[Conflict]:
    """Return the decisions that came too late to take effect, and say which results are made again."""
    from chimera_cli.services.review_service import MADE_AGAIN

    noted = [(card.note, f"card {card.id}: {card.note}") for card in decided if card.note]
    for note, text in noted:
        if note == MADE_AGAIN:
            terminal.note(text)
    return [Conflict(text) for note, text in noted if note != MADE_AGAIN]
