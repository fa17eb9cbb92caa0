"""`chimera review`: a person decides what the swarm may do."""

import re
from typing import Annotated, Any

import typer

from chimera_cli.cli.arguments import As, Limit, OfGoal
from chimera_cli.cli.command import command, group
from chimera_cli.cli.deciding import decide_all
from chimera_cli.cli.terminal import Terminal
from chimera_cli.cli.words import choice, utc_now
from chimera_cli.exceptions import InvalidInput

app = group("See and decide results that wait for a person.")

Cards = Annotated[list[str], typer.Argument(metavar="CARD...", help="Ids, or their first 4 or more characters.")]


@command(app, "list", example="chimera review list --json")
def list_cards(
    terminal: Terminal,
    status: Annotated[
        str, typer.Option("--status", help="PENDING, APPROVED, REJECTED, EXPIRED, STALE or any.")
    ] = "PENDING",
    goal: OfGoal = None,
    limit: Limit = 50,
) -> None:
    """List review cards, oldest first."""
    from chimera_cli.models.review import CardStatus
    from chimera_cli.views.documents import cards_document
    from chimera_cli.views.review import cards_grid

    wanted = None if status.lower() == "any" else choice(CardStatus, status, "--status")

    async def read() -> Any:
        async with terminal.records() as kept:
            goal_id = await kept.record.resolve("goal", goal) if goal is not None else None
            return await kept.reviews.cards(status=wanted, goal_id=goal_id, limit=limit)

    cards = terminal.run(read())
    limit_of_age = terminal.settings().review.expire_after()
    terminal.show(cards_document(cards, limit_of_age), cards_grid(cards, utc_now(), limit_of_age))
    terminal.note_limit(len(cards), limit)


@command(app, "show", example="chimera review show 7d0b")
def show_card(
    terminal: Terminal,
    card: Annotated[str, typer.Argument(help="Its id, or the first 4 or more characters.")],
) -> None:
    """Show a card with all that is known of it.

    Content, confidence, reasons, findings, cost and age.
    """
    from chimera_cli.views.documents import card_document
    from chimera_cli.views.review import card_page

    async def read() -> Any:
        async with terminal.records() as kept:
            found = await kept.reviews.card(await kept.record.resolve("review card", card))
            return found, await kept.rivals(found)

    found, rivals = terminal.run(read())
    limit_of_age = terminal.settings().review.expire_after()
    document = {**card_document(found, limit_of_age), "rivals": [rival.id for rival in rivals]}
    terminal.show(document, card_page(found, utc_now(), limit_of_age, rivals))


@command(app, "approve", example="chimera review approve 7d0b --as ana")
def approve(
    terminal: Terminal,
    cards: Cards,
    name: As = None,
    reason: Annotated[str, typer.Option("--reason", help="Kept in the audit.")] = "",
    digest: Annotated[
        str, typer.Option("--digest", help="What the card must show, or 12 or more characters of that; for one card.")
    ] = "",
) -> int:
    """Let held results take effect, exactly as shown."""
    if digest and (len(cards) != 1 or not re.fullmatch("[0-9a-f]{12,64}", digest)):
        raise InvalidInput(
            "--digest names one card's digest, at least its first 12 characters", hint="chimera review show CARD"
        )
    return decide_all(terminal, cards, "approve", name, reason, digest)


@command(app, "reject", example='chimera review reject 7d0b --reason "off brand"')
def reject(
    terminal: Terminal,
    cards: Cards,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the audit and told to the planner.")],
    name: As = None,
) -> int:
    """Refuse held results for good."""
    if not reason.strip():
        raise InvalidInput("a rejection needs a reason", hint='chimera review reject CARD --reason "..."')
    return decide_all(terminal, cards, "reject", name, reason)
