"""Whoever would rather wait than be refused waits until there is room, and no longer than allowed."""

from datetime import timedelta

import pytest

from chimera_cli.exceptions import QueueFull, WaitTimeout
from chimera_cli.services.room import when_there_is_room
from tests.unit.agents.crew_fakes import HastyClock

MINUTE = timedelta(minutes=1)


class Store:
    """Refuses so many times."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.notices: list[str] = []

    async def submit(self) -> str:
        if self.refusals:
            self.refusals -= 1
            raise QueueFull(11, 10)
        return "stored"


async def test_a_refused_call_is_made_again_until_there_is_room() -> None:
    store, clock = Store(3), HastyClock()
    made = await when_there_is_room(store.submit, clock, chance=lambda: 0.5, notice=store.notices.append)
    assert made == "stored"
    assert clock.slept == [timedelta(seconds=1)] * 3
    assert len(store.notices) == 1
    assert "CHIMERA_MAX_QUEUED allows 10" in store.notices[0]


async def test_waiting_ends_when_time_is_up() -> None:
    store, clock = Store(1000), HastyClock()
    with pytest.raises(WaitTimeout, match="no room after 60 s") as ended:
        await when_there_is_room(store.submit, clock, chance=lambda: 0.5, notice=store.notices.append, timeout=MINUTE)
    assert sum(clock.slept, timedelta(0)) == MINUTE
    assert "longer --timeout" in ended.value.hint


async def test_tasks_that_are_too_many_by_themselves_are_refused_at_once() -> None:
    async def submit() -> str:
        raise QueueFull(11, 10, alone=True)

    clock = HastyClock()
    with pytest.raises(QueueFull, match="the new ones alone 11 tasks") as refused:
        await when_there_is_room(submit, clock, chance=lambda: 0.5, notice=lambda _: None)
    assert clock.slept == []
    assert (refused.value.retryable, "--wait-for-room" in refused.value.hint) == (False, False)
