"""What one process makes of a clock that is not where it should be; the script that keeps the clock is tested in tests/contract."""

from datetime import UTC, datetime
from typing import Any

import pytest

from chimera_cli.exceptions import BackendUnavailable, SwarmError
from chimera_cli.models.server_clock import ClockJudgement, ClockReading, ClockState, clock_sentence, judge
from chimera_cli.models.telemetry import TelemetryEvent
from chimera_cli.services.clock_watch import ClockWatch

MINUTES = 300_000


class World:
    """A server's clock, Postgres' clock and this process's own, and what is said; all in ms."""

    names = ("0",)

    def __init__(self) -> None:
        self.up = 1_000
        self.replies: list[ClockReading] = []
        self.asked: list[tuple[int | None, ClockJudgement | None, int]] = []
        self.said: list[TelemetryEvent] = []
        self.gone: set[str] = set()

    def uptime(self) -> float:
        return self.up / 1000

    def emit(self, event: TelemetryEvent) -> None:
        self.said.append(event)

    async def read(
        self, name: str, *, record: int | None, judgement: ClockJudgement | None = None, offset: int = 0
    ) -> ClockReading:
        self.asked.append((record, judgement, offset))
        if name in self.gone:
            raise BackendUnavailable("Redis", "gone")
        return self.replies.pop(0)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def watch(world: Any) -> ClockWatch:
    return ClockWatch(world, world, world.uptime)


def sure(at: int, offset: int = 0) -> ClockReading:
    return ClockReading(state=ClockState.SURE, at=at, believed=at - 500, offset=offset)


def doubt(at: int, believed: int, *, record: int | None = None, first: bool = False) -> ClockReading:
    state = ClockState.DOUBTED if first else ClockState.DOUBT
    return ClockReading(state=state, at=at, believed=believed, record=record, since=at)


async def test_a_process_that_read_the_clock_before_knows_how_far_it_stepped_without_postgres(
    world: World, watch: ClockWatch
) -> None:
    world.replies = [sure(5_000), doubt(5_500 + MINUTES, 5_000, first=True), sure(9_000)]
    for _ in range(3):
        await watch.step()
        world.up += 500
    assert world.asked[2][1] == ClockJudgement(since=5_500 + MINUTES, step=MINUTES)


async def test_a_process_that_never_read_it_asks_postgres_how_much_time_has_passed(
    world: World, watch: ClockWatch
) -> None:
    watch.heard(datetime.fromtimestamp(MINUTES / 1000, UTC))
    hour = doubt(MINUTES, 0, record=0, first=True)
    world.replies = [hour, hour.model_copy(update={"state": ClockState.DOUBT})]
    await watch.step()
    await watch.step()
    assert [asked[0] for asked in world.asked] == [MINUTES, MINUTES]
    assert world.asked[1][1] == ClockJudgement(since=MINUTES, step=0)


async def test_a_process_that_knows_nothing_judges_nothing(world: World, watch: ClockWatch) -> None:
    world.replies = [doubt(MINUTES, 0, first=True), doubt(MINUTES + 500, 0)]
    await watch.step()
    world.up += 500
    await watch.step()
    assert world.asked[1][1] is None


async def test_a_reading_that_another_process_took_is_no_older_than_ones_own_last_look(
    world: World, watch: ClockWatch
) -> None:
    world.replies = [sure(5_000), doubt(5_900 + MINUTES, 5_400, first=True), sure(9_000)]
    await watch.step()
    world.up += 500
    await watch.step()
    await watch.step()
    judged = world.asked[2][1]
    assert judged is not None
    assert judged.step == MINUTES


async def test_a_redis_with_older_data_is_judged_by_postgres_alone(world: World, watch: ClockWatch) -> None:
    watch.heard(datetime.fromtimestamp(MINUTES / 1000, UTC))
    older = doubt(MINUTES, 0, record=0, first=True)
    world.replies = [sure(MINUTES - 500), older, older.model_copy(update={"state": ClockState.DOUBT})]
    for _ in range(3):
        await watch.step()
    assert world.asked[2][1] == ClockJudgement(since=MINUTES, step=0)


def test_two_stores_under_one_clock_that_steps_do_not_outvote_a_clock_that_is_never_set() -> None:
    reading = doubt(MINUTES + 500, 0, record=0)
    assert judge(reading, most=500, record=MINUTES + 500) == ClockJudgement(since=reading.at, step=MINUTES)
    back = doubt(500 - MINUTES, 0, record=0)
    assert judge(back, most=500, record=500 - MINUTES) == ClockJudgement(since=back.at, step=500 - MINUTES)


def test_a_clock_that_nobody_doubts_is_not_judged() -> None:
    assert judge(sure(5_000), most=500, record=5_000) is None


async def test_a_doubt_and_its_end_are_told_once_each_and_of_shards_alone(world: Any) -> None:
    world.names = ("0", "fleet")
    ends = ClockReading(state=ClockState.SETTLED, at=9, believed=0, since=5, step=-MINUTES, offset=-MINUTES)
    world.replies = [doubt(5, 0, first=True)] * 2 + [doubt(7, 0)] * 2 + [ends] * 2
    watch = ClockWatch(world, world, world.uptime)
    for _ in range(3):
        await watch.step()
    assert [(event.name, event.level, event.fields) for event in world.said] == [
        ("clock.doubted", "INFO", {"shard": "0", "jumped_s": 0.0}),
        ("clock.stepped", "WARN", {"shard": "0", "step_s": -300.0, "agreed": True}),
    ]
    assert world.said[-1].message == "Redis' clock stepped by -300 s: leases, deadlines and delays moved with it"


async def test_time_that_passed_and_a_doubt_that_nothing_settled_are_told_apart(
    world: World, watch: ClockWatch
) -> None:
    passed = ClockReading(state=ClockState.SETTLED, at=9, believed=0, since=5)
    world.replies = [passed, passed.model_copy(update={"state": ClockState.OVERDUE, "step": MINUTES})]
    await watch.step()
    await watch.step()
    assert [event.name for event in world.said] == ["clock.agreed", "clock.stepped"]
    assert world.said[1].message.endswith("; nothing was there to compare it with for 60 s")


async def test_a_shard_that_is_away_keeps_no_other_from_being_read(world: Any) -> None:
    world.names, world.gone = ("0", "1"), {"0"}
    world.replies = [sure(5_000, offset=7), sure(5_500, offset=7)]
    watch = ClockWatch(world, world, world.uptime)
    for _ in range(2):
        with pytest.raises(SwarmError):
            await watch.step()
    assert [asked[2] for asked in world.asked] == [0, 0, 0, 7]


@pytest.mark.parametrize(
    ("doubt_ms", "step_ms", "age_ms", "words"),
    [
        (-1, 0, -1, ""),
        (3_000, 0, -1, "Redis' clock has jumped, 3 s ago: no lease ends"),
        (-1, MINUTES, 4_000, "Redis' clock stepped by +300 s 4 s ago: leases, deadlines and delays moved with it"),
        (-1, MINUTES, 3_600_001, ""),
    ],
)
def test_the_board_tells_of_a_doubt_and_for_an_hour_of_a_step(
    doubt_ms: int, step_ms: int, age_ms: int, words: str
) -> None:
    assert clock_sentence(doubt_ms, step_ms, age_ms)[: len(words) or None] == words
