"""What is told when Redis begins to evict keys under a running fleet."""

from datetime import UTC, datetime
from typing import Any

import pytest

from chimera_cli.exceptions import BackendUnavailable
from chimera_cli.models.eviction import evicted_sentence, eviction_sentence
from chimera_cli.models.queue_counts import QueueCounts
from chimera_cli.models.telemetry import TelemetryEvent
from chimera_cli.services.server_watch import EVERY, EvictionWatch, ServerWatch

WRONG = eviction_sentence("allkeys-lru")


class World:
    """A queue, a clock and a diary."""

    def __init__(self) -> None:
        self.up = 0.0
        self.counted = QueueCounts()
        self.looks = 0
        self.said: list[TelemetryEvent] = []
        self.heard_at: datetime | None = None

    def uptime(self) -> float:
        return self.up

    async def counts(self) -> QueueCounts:
        self.looks += 1
        return self.counted

    def emit(self, event: TelemetryEvent) -> None:
        self.said.append(event)

    def heard(self, at: datetime | None) -> None:
        self.heard_at = at

    async def step(self) -> int:
        raise BackendUnavailable("Redis", "gone")


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def watch(world: Any) -> EvictionWatch:
    return EvictionWatch(world, world, world.uptime)


async def look_again(world: World, watch: EvictionWatch) -> list[tuple[str, str, object]]:
    """Let the time to the next look pass, and return what was said in it."""
    world.said.clear()
    world.up += EVERY.total_seconds()
    await watch.step()
    return [(event.name, event.message, event.fields["evicted"]) for event in world.said]


async def test_a_redis_that_evicts_nothing_is_looked_at_now_and_then_and_not_told(
    world: World, watch: EvictionWatch
) -> None:
    for looks in range(3):
        for _ in range(5):
            await watch.step()
        assert world.looks == looks
        assert await look_again(world, watch) == []


async def test_a_policy_that_evicts_is_told_once_and_again_when_it_comes_back(
    world: World, watch: EvictionWatch
) -> None:
    world.counted = QueueCounts(evicts=WRONG)
    assert await look_again(world, watch) == [("redis.evicts", WRONG, 0)]
    assert await look_again(world, watch) == []
    world.counted = QueueCounts()
    assert await look_again(world, watch) == []
    world.counted = QueueCounts(evicts=WRONG)
    assert len(await look_again(world, watch)) == 1


async def test_evicted_keys_are_told_whenever_they_are_more_also_after_a_restart(
    world: World, watch: EvictionWatch
) -> None:
    for evicted, told in ((3, True), (3, False), (9, True), (0, False), (2, True)):
        world.counted = QueueCounts(evicted=evicted)
        said = await look_again(world, watch)
        assert said == ([("redis.evicts", evicted_sentence(evicted), evicted)] if told else []), evicted


@pytest.mark.parametrize(("policy", "wrong"), [("noeviction", False), ("", False), ("volatile-ttl", True)])
def test_only_one_policy_is_safe_and_an_unknown_one_is_not_accused(policy: str, wrong: bool) -> None:
    assert (policy in eviction_sentence(policy)) is wrong or not policy
    assert bool(eviction_sentence(policy)) is wrong
    assert evicted_sentence(0) == ""


async def test_what_one_watch_cannot_reach_keeps_no_other_from_looking(world: Any) -> None:
    both = ServerWatch(world, EvictionWatch(world, world, world.uptime))
    world.up += EVERY.total_seconds()
    both.heard(datetime.fromtimestamp(0, UTC))
    assert world.heard_at is not None
    with pytest.raises(BackendUnavailable):
        await both.step()
    assert world.looks == 1
