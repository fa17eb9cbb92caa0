"""OutboxPort, on a real Postgres: an effect that is safe to repeat."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

import pytest
import pytest_asyncio

from chimera_cli.adapters.postgres_engine import open_engine
from chimera_cli.adapters.postgres_outbox import PostgresOutbox
from chimera_cli.ports.outbox import OutboxPort

pytestmark = pytest.mark.integration


@pytest_asyncio.fixture
async def outbox(fresh_database: str) -> AsyncIterator[OutboxPort]:
    engine = open_engine(fresh_database)
    yield PostgresOutbox(engine)
    await engine.dispose()


async def test_a_post_repeated_by_many_at_once_is_stored_once(outbox: OutboxPort) -> None:
    stored = await asyncio.gather(*(outbox.append("task:1", "twitter", {"text": "hello"}) for _ in range(8)))
    assert sorted(stored) == [False] * 7 + [True]
    (post,) = await outbox.posts()
    assert (post["idempotency_key"], post["platform"], post["post"]) == ("task:1", "twitter", {"text": "hello"})
    assert datetime.fromisoformat(str(post["at"])).tzinfo is not None


async def test_the_first_post_under_a_key_stays(outbox: OutboxPort) -> None:
    assert await outbox.append("k", "twitter", {"text": "first"})
    assert not await outbox.append("k", "mastodon", {"text": "second"})
    assert [post["post"] for post in await outbox.posts()] == [{"text": "first"}]


async def test_posts_are_listed_oldest_first_and_limited(outbox: OutboxPort) -> None:
    for number in range(3):
        await outbox.append(f"k{number}", "twitter", {"n": number})
    assert [post["post"] for post in await outbox.posts(limit=2)] == [{"n": 0}, {"n": 1}]
    assert len(await outbox.posts(limit=0)) == 3


async def test_hostile_text_comes_back_whole(outbox: OutboxPort) -> None:
    text = "nul \x00, emoji \U0001f9a5, quote ' \" \\"
    await outbox.append("k", "twitter", {text: text})
    assert [post["post"] for post in await outbox.posts()] == [{text: text}]
