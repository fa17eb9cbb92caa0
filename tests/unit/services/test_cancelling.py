"""A cancelled goal is seen through while patience lasts, in bounded steps."""

from datetime import timedelta
from typing import Any

from chimera_cli.models.effect import Effect
from chimera_cli.models.goal import Goal
from chimera_cli.models.task import TaskStatus
from chimera_cli.services.cancelling import PAUSE, ROUNDS_AT_ONCE, outcome, see_through
from tests.builders import GOAL, a_goal
from tests.unit.agents.crew_fakes import HastyClock


class Record:
    """A goal of which some tasks end with each step."""

    def __init__(self, live: int, each: int) -> None:
        self.left, self.each, self.steps = live, each, 0

    async def obey(self, rounds: int) -> None:
        assert rounds == ROUNDS_AT_ONCE
        self.steps += 1
        self.left = max(self.left - self.each, 0)

    async def goal(self, goal_id: str) -> Goal:
        return a_goal(goal_id, counts={TaskStatus.QUEUED: self.left, TaskStatus.CANCELLED: 10})

    async def cancelled_effects(self, goal_id: str) -> dict[Effect, int]:
        return {Effect.UNKNOWN: 1}


async def seen(record: Any, patience: timedelta) -> int:
    clock = HastyClock()
    await see_through(record.obey, record, [GOAL], clock, patience)
    return len(clock.slept)


async def test_it_is_seen_through_until_nothing_is_live() -> None:
    record = Record(live=5, each=2)
    assert await seen(record, timedelta(hours=1)) == 2
    assert (record.steps, record.left) == (3, 0)


async def test_patience_ends_it_and_the_rest_is_left_to_housekeeping() -> None:
    record = Record(live=10_000, each=0)
    assert 1 <= await seen(record, 3 * PAUSE) <= 3
    assert record.left == 10_000


async def test_without_patience_it_is_tried_once() -> None:
    record = Record(live=5, each=1)
    assert await seen(record, timedelta(0)) == 0
    assert record.steps == 1


async def test_tasks_that_were_cancelled_before_count_as_ended_before() -> None:
    record: Any = Record(live=3, each=0)
    before = {GOAL: a_goal(GOAL, counts={TaskStatus.CANCELLED: 4, TaskStatus.QUEUED: 9})}
    (told,) = await outcome(record, before)
    assert (told.tasks, told.cancelled, told.ended_before, told.live) == (13, 6, 4, 3)
    assert told.sentence == (
        f"goal {GOAL}: cancelled 6 of 13 tasks; 4 had ended before; 3 are not recorded as ended yet, and none of them starts:"
        " housekeeping ends them; 1 with effect unknown"
    )
