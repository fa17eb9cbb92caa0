"""The local outbox on Postgres: OutboxPort."""

from collections.abc import Mapping

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select

from chimera_cli.adapters import postgres_sql as sql
from chimera_cli.adapters.postgres_epochs import hold
from chimera_cli.adapters.postgres_errors import postgres_errors
from chimera_cli.adapters.postgres_reads import reading
from chimera_cli.adapters.review_rows import PostRow
from chimera_cli.adapters.row import json_text, plain
from chimera_cli.models.epoch import NO_EPOCHS, Epochs


class PostgresOutbox:
    """Published posts, each stored once. The engine belongs to whoever made it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def append(
        self, idempotency_key: str, platform: str, post: Mapping[str, JsonValue], *, epochs: Epochs = NO_EPOCHS
    ) -> bool:
        """Store a post once; False when one with this idempotency key is there already.

        Raises:
            StaleEpoch: One of these epochs is over; nothing was stored.
        """
        values = {"idempotency_key": plain(idempotency_key), "platform": plain(platform), "post": json_text(dict(post))}
        with postgres_errors():
            async with self._engine.begin() as connection:
                await hold(connection, epochs)
                return (await connection.execute(sql.INSERT_POST, values)).rowcount == 1

    async def posts(self, limit: int = 50) -> list[Mapping[str, JsonValue]]:
        """List posts, oldest first; limit 0 means all."""
        async with reading(self._engine) as session:
            rows = await session.exec(select(PostRow).order_by(col(PostRow.seq)).limit(limit or None))
            return [row.noun() for row in rows]
