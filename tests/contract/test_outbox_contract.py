"""OutboxPort, on a real Postgres: an effect that is safe to repeat."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from chimera_cli.adapters.postgres_engine import open_engine
from chimera_cli.adapters.postgres_outbox import PostgresOutbox
from chimera_cli.adapters.postgres_posts import PostgresPosts
from chimera_cli.adapters.postgres_record import PostgresRecord
from chimera_cli.exceptions import AmbiguousId, NotFound
from chimera_cli.models.identity import task_id
from chimera_cli.models.task import TaskSpec
from chimera_cli.ports.outbox import OutboxPort
from chimera_cli.ports.posts import PostsPort
from tests.contract.postgres_life import a_goal

pytestmark = pytest.mark.integration


@pytest_asyncio.fixture
async def engine(fresh_database: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(fresh_database)
    yield engine
    await engine.dispose()


@pytest.fixture
def outbox(engine: AsyncEngine) -> OutboxPort:
    return PostgresOutbox(engine)


@pytest.fixture
def posts(engine: AsyncEngine) -> PostsPort:
    return PostgresPosts(engine)


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


async def test_a_stored_post_tells_its_task_and_goal_and_that_it_waits(
    engine: AsyncEngine, outbox: OutboxPort, posts: PostsPort
) -> None:
    goal = a_goal(uuid4)
    await PostgresRecord(engine).submit(goal, [TaskSpec(key="a", kind="content.publish")])
    mine = task_id(goal.id, "a")
    await outbox.append(f"{mine}:execute", "twitter", {"text": "hello"})
    await outbox.append("by hand", "twitter", {"text": "elsewhere"})
    assert await posts.unsent() == 2
    (own,) = await posts.posts(goal_id=goal.id)
    assert (own.status, own.task_id, own.goal_id, own.kind) == ("stored", mine, goal.id, "content.publish")
    assert [post.idempotency_key for post in await posts.posts(within=timedelta(hours=1))] == [
        f"{mine}:execute",
        "by hand",
    ]
    assert await posts.posts(within=timedelta(0)) == []
    assert len(await posts.posts(limit=1)) == 1


async def test_a_post_is_found_by_the_beginning_of_its_key(outbox: OutboxPort, posts: PostsPort) -> None:
    for key in ("abcd:execute", "abcd:execute-2", "abxy%_:execute"):
        await outbox.append(key, "twitter", {"text": key})
    assert (await posts.post("abxy")).post == {"text": "abxy%_:execute"}
    # A whole key is never ambiguous, whatever it begins.
    assert (await posts.post("abcd:execute")).idempotency_key == "abcd:execute"
    with pytest.raises(AmbiguousId) as several:
        await posts.post("abcd")
    assert several.value.candidates == ("abcd:execute", "abcd:execute-2")
    for unknown in ("zzzz", "ab", "abxy_", ""):
        with pytest.raises(NotFound, match="no post has the id"):
            await posts.post(unknown)
