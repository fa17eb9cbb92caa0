"""Crashes, stalls and cuts at every exchange of every role: nothing is lost, nothing is done twice, nothing is left."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count, zip_longest
from pathlib import Path

import pytest

from chimera_cli.local.process import free_port
from chimera_cli.local.redis_server import RedisServer
from tests.builders import a_spec
from tests.chaos import broken
from tests.chaos.gate import Fault, Kind, Point, Side, enrol
from tests.chaos.plans import at_place, places, small_work
from tests.chaos.process import Place, Work
from tests.chaos.round import Ended, Round
from tests.chaos.rounds import in_lanes, random_round
from tests.servers import Servers, or_skip

NUMBERS = count(1)
PATIENCE_S = 10.0
"""For a round that cannot end: many times what one takes that can."""
SLOW = Work(goals=((a_spec("slow", "slow"),),))
TWO = Work(goals=((a_spec("first", "plain"),), (a_spec("second", "plain"),)))
# What a process that died held is collected some time during the test, and the drivers complain about it.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The garbage collector is trying to clean up non-checked-in connection"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def place(servers: Servers, fresh_database: str) -> Place:
    """A swarm of this test's own."""
    return Place(servers.redis.url, fresh_database, f"chaos-{next(NUMBERS)}")


@pytest.fixture
def lonely_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that knows no script yet."""
    server = RedisServer(tmp_path / "redis", free_port(), secrets.token_urlsafe(12), durable=False)
    yield or_skip(server.start, server)
    server.stop()


async def played(round: Round) -> Ended:
    enrol(asyncio.get_running_loop())
    return await round.play()


async def all_played(servers: Servers, plans: list[Callable[[Place], Round]]) -> list[Ended]:
    ended: list[Ended] = []
    await in_lanes(servers, iter(enumerate(plans)), lambda _, one: ended.append(one))
    return ended


@pytest.mark.chaos
@pytest.mark.long
async def test_a_fault_at_every_exchange_of_every_role_loses_nothing_and_doubles_nothing(
    servers: Servers, place: Place
) -> None:
    clean = await played(Round(place, small_work()))
    assert clean.violations == ()
    wanted = {role: places(passed) for role, passed in clean.passed.items()}
    kinds = list(Kind)

    def plan(number: int, row: tuple[tuple[str, Side] | None, ...]) -> Callable[[Place], Round]:
        faults = {
            role: [Fault(kinds[(number + turn) % 3], at_place(*where))]
            for turn, (role, where) in enumerate(zip(wanted, row, strict=True))
            if where
        }
        return lambda place: Round(place, small_work(), faults)

    rows = list(zip_longest(*wanted.values()))
    ended = await all_played(servers, [plan(number, row) for number, row in enumerate(rows)])
    assert [one.violations for one in ended if one.violations] == []
    hit = {(role, point.label, point.side) for one in ended for role, _, point in one.hits}
    asked = {(role, *where) for role, found in wanted.items() for where in found}
    assert len(hit & asked) >= 0.8 * len(asked), sorted(asked - hit)


@pytest.mark.chaos
@pytest.mark.long
async def test_random_rounds_with_several_faults_lose_nothing_and_double_nothing(servers: Servers) -> None:
    plans = [lambda place, n=n: random_round(20, n, place) for n in range(20)]
    assert [one.violations for one in await all_played(servers, plans) if one.violations] == []


def robbed_before_it_completes(place: Place) -> Round:
    """A worker is stalled until its task was taken back and claimed by another, who takes a while."""
    stalled = {"work": [Fault(Kind.STALL, at_place("complete", Side.BEFORE))]}
    return Round(place, SLOW, stalled, stalled_for=2)


async def test_a_zombie_that_completes_what_another_holds_is_refused(place: Place) -> None:
    ended = await played(robbed_before_it_completes(place))
    assert (len(ended.hits), ended.violations) == (1, ())


async def test_the_rounds_see_a_zombies_answer_when_the_fence_is_out(place: Place, lonely_redis: RedisServer) -> None:
    fenceless = replace(place, redis_url=lonely_redis.url, open_redis=broken.without_fence)
    ended = await played(robbed_before_it_completes(fenceless))
    assert any("not from the live claim" in said for said in ended.violations), ended


async def test_the_rounds_see_a_loss_when_tasks_are_marked_before_they_are_pushed(place: Place) -> None:
    # The first push opens the shard: what was lost before that, the reconciler would find. Whoever makes the second one crashes.
    def second_push(_: int, point: Point) -> bool:
        return "push" in point.label and point.stage > 0 and point.side is Side.BEFORE

    crashes = {role: [Fault(Kind.CRASH, second_push)] for role in ("submit", "work", "judge")}
    lossy = replace(place, alter=broken.marks_first)
    ended = await played(Round(lossy, TWO, crashes, patience_s=PATIENCE_S))
    assert "task second is PENDING " in ended.violations, ended


async def test_the_rounds_see_a_loss_when_events_are_dropped_before_they_are_recorded(place: Place) -> None:
    crash = {role: [Fault(Kind.CRASH, at_place("INSERT INTO events", Side.BEFORE))] for role in ("work", "judge")}
    lossy = replace(place, alter=broken.trims_first)
    ended = await played(Round(lossy, small_work(), crash, patience_s=PATIENCE_S))
    assert ended.violations != (), ended
