"""What the outbox holds, for people who look at it."""

from datetime import timedelta
from typing import Protocol

from chimera_cli.models.post import Post


class PostsPort(Protocol):
    """Readers never wait for writers, and each answer is one snapshot. All may raise BackendUnavailable."""

    async def unsent(self) -> int:
        """Count the posts that are stored and that no connector has taken."""
        ...

    async def posts(
        self, *, goal_id: str | None = None, within: timedelta | None = None, limit: int = 50
    ) -> list[Post]:
        """List posts, oldest first, those of a goal or of the last while only; limit 0 means all."""
        ...

    async def post(self, prefix: str) -> Post:
        """Return the one post whose idempotency key starts with the prefix (4 or more characters, or a whole key).

        Raises:
            NotFound: None does, or the prefix is too short.
            AmbiguousId: Several do, and none is it.
        """
        ...
