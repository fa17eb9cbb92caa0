from typing import Any

from chimera_cli.models.review import CardStatus, ReviewCard
from chimera_cli.services.records import Records
from tests.builders import GOAL, a_card, a_task


class Shelf:
    """Review cards of one goal; notes who asked for them."""

    def __init__(self, *cards: ReviewCard) -> None:
        self.kept = cards
        self.asked: list[str] = []

    async def cards(self, *, goal_id: str, **_: Any) -> list[ReviewCard]:
        self.asked.append(goal_id)
        return list(self.kept)


def writing(key: str, *names: str) -> ReviewCard:
    card = a_card(a_task(key), 1, status=CardStatus.PENDING)
    judgement = card.judgement.model_copy(update={"changes": dict.fromkeys(names, 1)})
    return card.model_copy(update={"id": f"{key}-card", "judgement": judgement})


def records(shelf: Shelf) -> Records:
    unused: Any = None
    return Records(record=unused, reviews=shelf, orders=unused, posts=unused)  # type: ignore[arg-type]


async def test_rivals_are_waiting_cards_of_the_goal_that_write_the_same_key() -> None:
    mine, rival, stranger = writing("a", "calendar"), writing("b", "calendar"), writing("c", "other")
    shelf = Shelf(mine, rival, stranger)
    assert await records(shelf).rivals(mine) == [rival]
    assert shelf.asked == [GOAL]


async def test_a_card_that_writes_nothing_has_no_rivals_and_asks_nobody() -> None:
    shelf = Shelf(writing("b", "calendar"))
    assert await records(shelf).rivals(writing("a")) == []
    assert shelf.asked == []
