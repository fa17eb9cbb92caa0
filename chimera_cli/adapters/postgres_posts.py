"""Looks into the outbox on Postgres: PostsPort."""

from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from chimera_cli.adapters.postgres_reads import CANDIDATES, SHORTEST, reading
from chimera_cli.exceptions import AmbiguousId, NotFound
from chimera_cli.models.post import Post

NOUN = "post"
LIST_HINT = "chimera outbox list"

_WITH_ORIGIN = """
    SELECT posts.idempotency_key, posts.platform, posts.post, posts.at, coalesce(tasks.id, '') AS task_id,
        coalesce(tasks.goal_id, '') AS goal_id, coalesce(tasks.kind, '') AS kind, coalesce(card.id, '') AS card_id,
        coalesce(card.decided_by, '') AS decided_by, card.decided_at
    FROM posts
    LEFT JOIN tasks ON tasks.id = split_part(posts.idempotency_key, ':', 1)
    LEFT JOIN LATERAL (
        SELECT id, decided_by, decided_at FROM cards WHERE cards.task_id = tasks.id AND status = 'APPROVED'
        ORDER BY generation DESC LIMIT 1
    ) AS card ON true
"""
LIST = text(f"""{_WITH_ORIGIN}
    WHERE (CAST(:goal_id AS text) IS NULL OR tasks.goal_id = :goal_id)
      AND (CAST(:within_s AS double precision) IS NULL
           OR posts.at > clock_timestamp() - make_interval(secs => :within_s))
    ORDER BY posts.seq LIMIT :limit
""")  # nosec B608 # constants
FIND = text(f"""{_WITH_ORIGIN}
    WHERE starts_with(posts.idempotency_key, :prefix) ORDER BY posts.idempotency_key <> :prefix, posts.seq LIMIT :limit
""")  # nosec B608 # constants
UNSENT = text("SELECT count(*) FROM posts")


class PostgresPosts:
    """The engine belongs to whoever made it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def unsent(self) -> int:
        """Count the posts that are stored and that no connector has taken."""
        async with reading(self._engine) as session:
            count: int = (await (await session.connection()).execute(UNSENT)).scalar_one()
            return count

    async def posts(
        self, *, goal_id: str | None = None, within: timedelta | None = None, limit: int = 50
    ) -> list[Post]:
        """List posts, oldest first, those of a goal or of the last while only; limit 0 means all."""
        within_s = None if within is None else within.total_seconds()
        return await self._read(LIST, goal_id=goal_id, within_s=within_s, limit=limit or None)

    async def post(self, prefix: str) -> Post:
        """Return the one post whose idempotency key starts with the prefix; see PostsPort."""
        if len(prefix) < SHORTEST:
            raise NotFound(NOUN, prefix, hint=f"give {SHORTEST} or more characters of it: {LIST_HINT}")
        posts = await self._read(FIND, prefix=prefix, limit=CANDIDATES)
        if not posts:
            raise NotFound(NOUN, prefix, hint=LIST_HINT)
        if len(posts) > 1 and posts[0].idempotency_key != prefix:
            raise AmbiguousId(NOUN, prefix, [post.idempotency_key for post in posts])
        return posts[0]

    async def _read(self, query: Any, **values: object) -> list[Post]:
        async with reading(self._engine) as session:
            rows = await (await session.connection()).execute(query, values)
            return [Post.model_validate(dict(row._mapping)) for row in rows]
