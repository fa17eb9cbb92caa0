"""Crashes, stalls and cuts at every exchange of every role: nothing is lost, nothing is done twice, nothing is left."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from itertools import count, zip_longest
from pathlib import Path

import pytest

from chimera_cli.local.process import free_port
from chimera_cli.local.redis_server import RedisServer
from tests.builders import a_spec
from tests.chaos import broken
from tests.chaos.gate import Fault, Kind, Side, enrol
from tests.chaos.plans import at_place, places, small_work
from tests.chaos.process import Place, Work
from tests.chaos.round import Ended, Round
from tests.chaos.rounds import in_lanes, random_round
from tests.servers import Servers, or_skip

NUMBERS = count(1)
# What a process that died held open is collected later, which SQLAlchemy complains about.
pytestmark = pytest.mark.filterwarnings("ignore:The garbage collector is trying", "ignore::pytest.PytestUnraisableExceptionWarning")


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
    assert len(hit & asked) >= 0.9 * len(asked), sorted(asked - hit)


@pytest.mark.chaos
async def test_random_rounds_with_several_faults_lose_nothing_and_double_nothing(servers: Servers) -> None:
    plans = [lambda place, n=n: random_round(20, n, place) for n in range(20)]
    assert [one.violations for one in await all_played(servers, plans) if one.violations] == []


async def test_the_rounds_see_an_answer_of_a_zombie_when_the_fence_is_out(
    place: Place, lonely_redis: RedisServer
) -> None:
    zombie = {"work": [Fault(Kind.STALL, at_place("complete", Side.BEFORE))]}
    slow = Work(goals=((a_spec("slow", "slow"),),))
    assert (await played(Round(place, slow, zombie))).violations == ()
    zombie = {"work": [Fault(Kind.STALL, at_place("complete", Side.BEFORE))]}
    fenceless = Place(lonely_redis.url, place.database_url, "fenceless", open_redis=broken.without_fence)
    assert any("task.completed came from" in said for said in (await played(Round(fenceless, slow, zombie))).violations)


@pytest.mark.parametrize(
    ("alter", "role", "label"),
    [(broken.marks_first, "submit", "push"), (broken.trims_first, "work", "INSERT INTO events")],
    ids=["marked before it is pushed", "dropped before it is recorded"],
)
async def test_the_rounds_see_a_loss_when_an_outbox_is_out(place: Place, alter: object, role: str, label: str) -> None:
    crash = {role: [Fault(Kind.CRASH, at_place(label, Side.BEFORE))]}
    if role == "work":
        crash["judge"] = [Fault(Kind.CRASH, at_place(label, Side.BEFORE))]
    lossy = Place(place.redis_url, place.database_url, place.namespace, alter=alter)  # type: ignore[arg-type]
    ended = await played(Round(lossy, small_work(), crash, patience_s=3))
    assert any("not over" in said for said in ended.violations)
