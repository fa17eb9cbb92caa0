"""The face of a swarm's record for whoever only looks: goals, tasks, orders, review cards, posts and the audit."""

from dataclasses import dataclass

from chimera_cli.models.review import ReviewCard
from chimera_cli.ports.orders import OrdersPort
from chimera_cli.ports.posts import PostsPort
from chimera_cli.ports.reads import ReadsPort
from chimera_cli.ports.review import ReviewPort

MOST_RIVALS = 200
"""Waiting cards of a goal among which rivals are looked for."""


@dataclass(frozen=True, kw_only=True)
class Records:
    """What is kept for ever; Redis has no part in it."""

    record: ReadsPort
    reviews: ReviewPort
    orders: OrdersPort
    posts: PostsPort

    async def rivals(self, card: ReviewCard) -> list[ReviewCard]:
        """List the waiting cards of the same goal that write to a state key that this one writes to."""
        if not card.judgement.changes:
            return []
        return card.rivals(await self.reviews.cards(goal_id=card.goal_id, limit=MOST_RIVALS))
