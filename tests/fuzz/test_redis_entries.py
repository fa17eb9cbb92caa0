"""What somebody writes into Redis by hand while the swarm works: errors of ours only, and nobody else's work is lost."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from redis.asyncio import Redis

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import open_redis
from chimera_cli.adapters.redis_events import RedisEventStream
from chimera_cli.adapters.redis_queue import RedisTaskQueue
from chimera_cli.adapters.redis_registry import RedisAgentRegistry
from chimera_cli.exceptions import SwarmError
from chimera_cli.models.delivery import Delivery, Malformed, Stage
from chimera_cli.models.policy import LeasePolicy
from tests.builders import a_dispatch, a_judgement, a_result
from tests.fuzz.profile import budget
from tests.hostile import TEXTS
from tests.vouching import vouch

pytestmark = pytest.mark.integration

LEASE = LeasePolicy(lease=timedelta(seconds=60))
FIELDS = (
    "status phase gen version attempts begin fail:work fail:judge lost:work conflicts revisions left entry agent output changes"
    " usage executes mergeable always feedback judgement digest approved policy rubric goal key kind title prio payload in:x"
).split()
ODD = (
    "0 -1 1e999 nan 999999999999999999999999999999 null [] {} [[ QUEUED RUNNING JUDGING DELAYED APPROVED NOWHERE propose execute"
    ' merge 1-1 [[1,2]] [["k",0,"{"]] noop: :normal noop:normal'
).split()
WORDS = st.sampled_from(["", "\x00", "\ud800", *ODD]) | TEXTS
FORGED = st.lists(st.tuples(st.sampled_from(FIELDS), WORDS), min_size=1, max_size=4)
TOLD = st.sampled_from("name task goal status phase version generation attempts agent changes output usage".split())
EVENTS = st.dictionaries(TOLD, WORDS, min_size=1, max_size=6)


class Shop:
    """A swarm's adapters on a namespace of its own."""

    def __init__(self, client: Redis) -> None:
        self.client = client
        self.keys = Keys(uuid4().hex)
        self.tag = self.keys.shard(0)
        self.queue = RedisTaskQueue(client, self.keys, LEASE)
        self.events = RedisEventStream(client, self.keys)
        self.registry = RedisAgentRegistry(client, self.keys)

    async def round(self) -> None:
        """Do all the housekeeping, as every process does twice a second; what fails must fail as one of ours."""
        queue = self.queue
        for work in (
            queue.promote,
            lambda: queue.reap(3),
            queue.expire,
            queue.settle,
            queue.counts,
            self.registry.fleet,
            self.record,
        ):
            await tried(work)

    async def record(self) -> None:
        """Take the events, as the recorder does: nothing that was written by hand stops what stands behind it."""
        _, last = await self.events.read(0)
        if last:
            await self.events.trim(0, last, recorded=last)

    async def work_off(self) -> set[str]:
        """Claim and answer everything, at most so often that an endless circle shows; returns the keys completed."""
        done: set[str] = set()
        for _ in range(12):
            await self.round()
            for stage in (Stage.WORK, Stage.JUDGE):
                for held in await tried(lambda stage=stage: self.queue.pop_tasks(stage, ["a", "b", "c"])) or []:
                    key = await self.answer(stage, held)
                    done |= {key} if key else set()
        return done

    async def answer(self, stage: Stage, held: Delivery | Malformed) -> str:
        if isinstance(held, Malformed):
            await tried(lambda: self.queue.fail(held.lease, held.reason))
            return ""
        if stage is Stage.JUDGE:
            await tried(lambda: self.queue.approve(held.lease, a_judgement()))
            return held.key
        await tried(
            lambda: (
                self.queue.hand_over(held.lease, a_result())
                if held.key == "judged"
                else self.queue.complete(held.lease, a_result())
            )
        )
        return held.key


async def tried(work: Callable[[], Awaitable[Any]]) -> Any:
    """Do it; only our own errors may come of it."""
    try:
        return await work()
    except SwarmError:
        return None


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@pytest.fixture
def shops(redis_url: str) -> Callable[[Callable[[Shop], Awaitable[None]]], None]:
    """Run a story with a shop that holds three tasks, and clear its keys afterwards."""

    async def play(story: Callable[[Shop], Awaitable[None]]) -> None:
        async with open_redis(redis_url) as client:
            assert isinstance(client, Redis)
            shop = Shop(client)
            await vouch(client, shop.keys)
            await shop.queue.push_tasks([a_dispatch("good"), a_dispatch("judged"), a_dispatch("bad")])
            try:
                async with asyncio.timeout(60):
                    await story(shop)
            finally:
                names = [name async for name in client.scan_iter(match=f"{{chimera:{shop.keys.namespace}*")]
                await client.delete(*names)

    return lambda story: asyncio.run(play(story))


def good(done: set[str]) -> bool:
    return {"good", "judged"} <= done


@budget(15)
@given(forged=FORGED, claimed=st.booleans())
@example(forged=[("gen", "many")], claimed=True)
@example(forged=[("payload", "x" * 10_000_000)], claimed=False)
@example(forged=[("changes", "[" * 5000)], claimed=True)
def test_no_field_of_a_task_stops_the_others(forged: list[tuple[str, str]], claimed: bool, shops: Any) -> None:
    async def story(shop: Shop) -> None:
        bad = a_dispatch("bad").task.id
        if claimed:
            held = await shop.queue.pop_tasks(Stage.WORK, ["a", "b", "c"])
            for delivery in held:
                await shop.queue.give_back(delivery.lease)
        await shop.client.hset(f"{shop.tag}:t:{bad}", mapping={name: encoded(text) for name, text in forged})
        assert good(await shop.work_off())

    shops(story)


@budget(15)
@given(event=EVENTS, lane=WORDS, pointer=WORDS)
def test_no_entry_of_a_stream_stops_the_others(event: dict[str, str], lane: str, pointer: str, shops: Any) -> None:
    async def story(shop: Shop) -> None:
        await shop.client.xadd(f"{shop.tag}:out", {name: encoded(text) for name, text in event.items()})
        for stage in ("work", "judge"):
            await shop.client.xadd(f"{shop.tag}:{stage}:q:noop:normal", {"t": encoded(pointer)})
            await shop.client.xadd(f"{shop.tag}:{stage}:q:noop:normal", {encoded(lane): b"x"})
            await shop.client.sadd(f"{shop.tag}:{stage}:lanes", "noop:normal", encoded(lane))
            await shop.client.zadd(f"{shop.tag}:{stage}:w:noop:normal", {encoded(pointer): 0})
            await shop.client.zadd(f"{shop.tag}:{stage}:turns", {"noop:normal": 0, encoded(lane): 0})
        assert good(await shop.work_off())
        assert await shop.client.xlen(f"{shop.tag}:out") == 0

    shops(story)


@budget(15)
@given(member=WORDS, score=st.sampled_from([0, -1, 1e308, float("inf"), float("-inf"), 1.5]))
def test_no_member_of_a_set_stops_the_others(member: str, score: float, shops: Any) -> None:
    async def story(shop: Shop) -> None:
        lanes = ("work:w:noop:normal", "work:last:noop:normal", "work:turns")
        for name in ("work:lease", "work:delay", "work:parked", "judge:lease", "judge:delay", "deadline", *lanes):
            await shop.client.zadd(f"{shop.tag}:{name}", {encoded(member): score, a_dispatch("bad").task.id: score})
        await shop.client.rpush(f"{shop.tag}:settle", encoded(member), a_dispatch("good").task.id)
        await shop.client.sadd(f"{shop.tag}:c:{a_dispatch('bad').task.id}", encoded(member))
        await shop.client.hset(f"{shop.keys.fleet}:fleet", encoded(member), encoded(member))
        await shop.client.zadd(f"{shop.keys.fleet}:beats", {encoded(member): score})
        assert good(await shop.work_off())

    shops(story)


SUFFIXES = """work:turns work:lease work:delay work:parked judge:turns judge:lease settle deadline out work:w:noop:normal
    work:last:noop:normal work:lanes"""


@pytest.mark.parametrize("suffix", SUFFIXES.split())
@pytest.mark.parametrize("kind", ["string", "hash"])
def test_a_key_of_another_type_is_an_error_of_ours_and_its_removal_mends_it(suffix: str, kind: str, shops: Any) -> None:
    """Whoever overwrites a queue destroys it; nothing else breaks, and the others' tasks are there once it is gone."""

    async def story(shop: Shop) -> None:
        name = f"{shop.tag}:{suffix}"
        if await shop.client.exists(name):
            await shop.client.rename(name, f"{name}:kept")
        write = {
            "string": lambda: shop.client.set(name, "x"),
            "list": lambda: shop.client.rpush(name, "x"),
            "hash": lambda: shop.client.hset(name, "x", "y"),
        }[kind]
        await write()
        await shop.round()
        for stage in (Stage.WORK, Stage.JUDGE):
            await tried(lambda stage=stage: shop.queue.pop_tasks(stage, []))
        await shop.client.delete(name)
        if await shop.client.exists(f"{name}:kept"):
            await shop.client.rename(f"{name}:kept", name)
        assert good(await shop.work_off())

    shops(story)
