"""Keys are lost one family at a time under a server that goes on: each accepted task ends all the same, and once."""

import re
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pytest
import pytest_asyncio

from chimera_cli.adapters.keys import FAMILIES
from chimera_cli.adapters.postgres_sweep import PAGE
from chimera_cli.exceptions import BackendUnavailable
from chimera_cli.models.delivery import Delivery, Stage
from chimera_cli.models.goal import GoalStatus
from chimera_cli.models.identity import task_id
from chimera_cli.models.order import OrderAction
from chimera_cli.models.result import VersionedValue
from chimera_cli.models.review import CardStatus, Decision
from chimera_cli.models.task import Phase, TaskStatus
from tests.builders import GOAL, a_result, a_spec
from tests.contract.swarm_pair import Pair, open_pair
from tests.contract.test_losses import (
    HELD,
    approved,
    delayed,
    executing,
    held,
    judged,
    judging,
    queued,
    running,
    sealed,
    to_the_end,
)

pytestmark = pytest.mark.integration

STANDS = (queued, running, delayed, judging, held, approved, executing)


@pytest_asyncio.fixture
async def pair(redis_url: str, fresh_database: str) -> AsyncIterator[Pair]:
    async with open_pair(redis_url, fresh_database) as opened:
        yield opened


async def lose(pair: Pair, family: str) -> int:
    """Delete all keys of a family; returns how many there were."""
    pattern = f"{pair.keys.shard(0)}:{re.sub('<[^>]+>', '*', family)}"
    # A glob's star reaches over colons: `t:*` alone would also fit what only ends alike.
    names = [name async for name in pair.client.scan_iter(match=pattern)]
    if names:
        await pair.client.delete(*names)
    return len(names)


async def sweep(pair: Pair, rounds: int = 2) -> None:
    """Let the time pass after which tasks count as still, and sweep."""
    pair.write("UPDATE tasks SET updated_at = updated_at - interval '1 hour'")
    for _ in range(rounds):
        pair.write("UPDATE sweeps SET due_at = clock_timestamp(), position = -1")
        await pair.orchestrator.tick()


async def contents(pair: Pair) -> dict[str, object]:
    """Copy what the keys hold, hashes by their fields: two dumps of one may differ in their order."""
    return {
        name: await pair.client.hgetall(name) if await pair.client.type(name) == "hash" else dump
        for name, dump in (await pair.snapshot()).items()
    }


async def end_leases_and_delays(pair: Pair) -> None:
    """Let the time pass after which an agent that fell silent loses its lease, and a delayed task is due."""
    tag = pair.keys.shard(0)
    await pair.client.delete(f"{tag}:grace")
    for name in ("work:lease", "judge:lease", "work:delay"):
        for id in await pair.client.zrange(f"{tag}:{name}", 0, -1):
            await pair.client.zadd(f"{tag}:{name}", {id: 1})


def test_every_family_of_the_key_map_is_named() -> None:
    """What a comment of the scripts lists, and what the test below takes away, are the same."""
    prelude = (files("chimera_cli.adapters") / "lua" / "transition.lua").read_text("utf-8")
    header = prelude[: prelude.index("]]")]
    assert set(re.findall(r"^  T:(\S+) +(?:string|hash|list|set|zset|stream) ", header, re.M)) == set(FAMILIES)


@pytest.mark.parametrize(
    ("family", "heard"),
    [*((family, True) for family in FAMILIES), *((family, False) for family in ("out", "t:<id>", "s:<goal>", "run"))],
)
async def test_whatever_family_of_keys_is_lost_every_task_ends_once(pair: Pair, family: str, heard: bool) -> None:
    goals = {stand: f"{number:x}" * 20 for number, stand in enumerate(STANDS)}
    for stand, goal in goals.items():
        await pair.submit(goal, a_spec(kind=stand.__name__))
        await pair.orchestrator.record()
    await pair.submit(GOAL, a_spec("parent", "family"), a_spec("child", "family", depends_on=("parent",)))
    await pair.orchestrator.record()
    for stand in STANDS:
        await stand(pair, stand.__name__)
    if heard:
        await pair.orchestrator.record()
    await lose(pair, family)

    await pair.orchestrator.tick()
    await sweep(pair)
    for _ in range(3):
        await end_leases_and_delays(pair)
        await to_the_end(pair)
        await sweep(pair, rounds=1)
    for goal in (*goals.values(), GOAL):
        assert (await pair.record.goal(goal)).status is GoalStatus.COMPLETED, (family, goal)
    told = pair.rows("SELECT count(*), count(DISTINCT task_id) FROM events WHERE name = 'task.completed'")
    assert told == [(len(goals) + 2, len(goals) + 2)]
    assert (await pair.record.ledger()).balanced
    assert await pair.record.stuck() == 0


async def test_what_stands_well_is_left_as_it_is(pair: Pair) -> None:
    for number, stand in enumerate(STANDS):
        await pair.submit(f"{number:x}" * 20, a_spec(kind=stand.__name__))
        await stand(pair, stand.__name__)
    late = datetime.now(UTC) + timedelta(days=1)
    await pair.submit(GOAL, a_spec("parent", deadline=late), a_spec("child", depends_on=("parent",)))
    await pair.submit("f" * 20, a_spec("paused"))
    await pair.control.order_goals(OrderAction.PAUSE, ["f" * 20], "ada", "")
    await pair.orchestrator.obey()
    await pair.queue.pop_tasks(Stage.WORK, ["other"], kinds=["noop"])
    await pair.orchestrator.record()
    before = await contents(pair)
    await sweep(pair)
    moves = {f"{pair.keys.shard(0)}:{name}": "" for name in ("turn", "clock")}
    assert {**await contents(pair), **moves} == {**before, **moves}
    assert pair.rows("SELECT count(*) FROM recoveries") == [(0,)]


async def test_what_was_put_back_is_told(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec())
    await pair.orchestrator.record()
    await lose(pair, "t:<id>")
    await sweep(pair)
    assert pair.rows("SELECT cause, restored FROM recoveries") == [("keys lost", 1)]
    [told] = [event for event in pair.said if event.name == "recovery.done"]
    assert told.message == "Redis went on without some of its keys: 1 tasks were put back"


async def test_a_goal_whose_pause_was_lost_starts_nothing(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec())
    await pair.control.order_goals(OrderAction.PAUSE, [GOAL], "ada", "")
    await pair.orchestrator.obey()
    await lose(pair, "g:<goal>")
    assert await pair.queue.pop_tasks(Stage.WORK, ["agent"]) == []
    await sweep(pair)
    assert await pair.queue.pop_tasks(Stage.WORK, ["agent"]) == []
    await pair.control.order_goals(OrderAction.RESUME, [GOAL], "ada", "")
    await pair.orchestrator.obey()
    assert (await pair.claim()).goal == "Grow on Twitter"


async def test_nothing_is_committed_on_a_state_that_is_lost_until_it_is_put_back(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec("one"), a_spec("two"))
    await pair.queue.complete((await pair.claim()).lease, a_result(calendar=(0, "x")))
    lease = (await pair.claim()).lease
    await pair.orchestrator.record()
    await lose(pair, "s:<goal>")
    with pytest.raises(BackendUnavailable, match="state of a goal is lost"):
        await pair.queue.complete(lease, a_result(calendar=(0, "y")))
    await sweep(pair)
    await pair.queue.complete(lease, a_result(calendar=(1, "y")))
    await pair.orchestrator.tick()
    assert (await pair.record.state(GOAL))["calendar"] == VersionedValue(value="y", version=2)


async def test_an_approval_on_a_state_that_is_lost_is_carried_out_when_that_is_back(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec("one", "first"), a_spec("two"))
    await pair.queue.complete((await pair.claim(kinds=["first"])).lease, a_result(calendar=(0, "x")))
    held_result = a_result(HELD.output, executes=True, plan=(0, "y"))
    await pair.queue.hand_over((await pair.claim()).lease, held_result)
    delivery = await pair.claim(Stage.JUDGE)
    await pair.orchestrator.record()
    await lose(pair, "s:<goal>")
    with pytest.raises(BackendUnavailable, match="state of a goal is lost"):
        await pair.queue.approve(delivery.lease, judged(delivery), sealed(delivery))
    await pair.queue.hold(delivery.lease, judged(delivery))
    await pair.orchestrator.record()
    [card] = await pair.reviews.cards(status=CardStatus.PENDING)
    await pair.reviews.decide(card.id, Decision.APPROVE, "ada", "")
    with suppress(BackendUnavailable):  # The decision is refused in the round in which the sweep puts the state back.
        await sweep(pair, rounds=1)
    await to_the_end(pair)
    assert (await pair.task(GOAL, "two")).status is TaskStatus.COMPLETED
    assert (await pair.record.state(GOAL)).keys() == {"calendar", "plan"}


async def test_an_end_whose_event_was_lost_is_told_once_more(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec())
    await pair.orchestrator.record()
    await pair.queue.complete((await pair.claim()).lease, a_result("made"))
    await lose(pair, "out")
    await sweep(pair)
    task = await pair.task(GOAL, "one")
    assert (task.status, task.output) == (TaskStatus.COMPLETED, "made")


async def test_a_card_whose_event_was_lost_is_made(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec())
    await pair.orchestrator.record()
    await held(pair, "noop")
    await lose(pair, "out")
    await sweep(pair)
    [card] = await pair.reviews.cards(status=CardStatus.PENDING)
    await pair.reviews.decide(card.id, Decision.APPROVE, "ada", "")
    done = await to_the_end(pair)
    assert [delivery.phase for delivery in done] == [Phase.EXECUTE]


async def test_a_deadline_that_was_lost_is_remembered(pair: Pair) -> None:
    passed = datetime.now(UTC) + timedelta(seconds=0.2)
    await pair.submit(GOAL, a_spec(deadline=passed))
    await pair.orchestrator.record()
    await lose(pair, "deadline")
    await sweep(pair)
    while (await pair.task(GOAL, "one")).status is not TaskStatus.FAILED:
        await pair.orchestrator.tick()


async def test_a_page_costs_the_same_whatever_moves(pair: Pair) -> None:
    """A sweep of many live tasks takes as many pages as it needs, and as many commands a page, whether or not they are still."""
    await pair.submit(GOAL, *[a_spec(f"t{number}") for number in range(PAGE + 1)])
    await pair.orchestrator.record()
    positions = []
    for _ in range(3):
        pair.write("UPDATE sweeps SET due_at = clock_timestamp()")
        await pair.orchestrator.tick()
        positions += pair.rows("SELECT position FROM sweeps")
    [(first,)] = pair.rows("SELECT min(position) FROM tasks")
    assert positions == [(first + PAGE - 1,), (first + PAGE,), (-1,)]


async def test_two_processes_take_different_pages(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec())
    pair.write("UPDATE sweeps SET due_at = clock_timestamp(), position = -1")
    await pair.orchestrator.tick()
    [(before,)] = pair.rows("SELECT position FROM sweeps")
    await pair.orchestrator.tick()
    assert pair.rows("SELECT position FROM sweeps") == [(before,)], "no page is due so soon"


async def test_an_answer_under_a_claim_that_was_lost_and_put_back_is_stale(pair: Pair) -> None:
    await pair.submit(GOAL, a_spec())
    delivery = await pair.claim()
    await pair.orchestrator.record()
    await lose(pair, "t:<id>")
    await sweep(pair)
    assert await pair.queue.extend([delivery.lease]) == [delivery.lease]
    again = await pair.claim(agent="other")
    assert isinstance(again, Delivery)
    assert again.lease.generation == delivery.lease.generation + 1
    assert task_id(GOAL, "one") == again.lease.task_id
