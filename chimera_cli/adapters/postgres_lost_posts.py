"""Posts that completed tasks made and that the outbox does not hold.

A post is stored before its task is completed. When Postgres is put back to a copy from before that, the event of the completion may
still come from Redis, and names the post.
"""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from chimera_cli.adapters.row import json_text, plain
from chimera_cli.models.event import TaskEvent

NOTE = text("""
    INSERT INTO lost_posts (idempotency_key, task_id)
    SELECT idempotency_key, task_id
    FROM json_to_recordset(CAST(:rows AS json)) AS made (idempotency_key text, task_id text)
    WHERE NOT EXISTS (SELECT FROM posts WHERE posts.idempotency_key = made.idempotency_key)
    ON CONFLICT DO NOTHING
""")
"""Keep the names of posts that are not there."""

LIST = text("""
    SELECT DISTINCT task_id FROM lost_posts
    WHERE NOT EXISTS (SELECT FROM posts WHERE posts.idempotency_key = lost_posts.idempotency_key)
    ORDER BY task_id LIMIT :limit
""")
"""List tasks whose posts are still not there."""


async def note_lost(connection: AsyncConnection, events: Sequence[TaskEvent]) -> None:
    """Note which of the posts that the events name are not in the outbox."""
    rows = [
        {"idempotency_key": plain(key), "task_id": event.task_id}
        for event in events
        if isinstance(keys := event.data.get("posts"), list)
        for key in keys
        if isinstance(key, str)
    ]
    if rows:
        await connection.execute(NOTE, {"rows": json_text(rows)})


async def tasks(connection: AsyncConnection, limit: int) -> list[str]:
    """List the completed tasks whose posts are lost, at most `limit`."""
    return [row.task_id for row in await connection.execute(LIST, {"limit": limit})]
