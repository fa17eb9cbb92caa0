"""A process whose event loop is blocked ends and says where; one that works, sleeps or was stopped does not."""

import asyncio
import threading
from datetime import timedelta

from chimera_cli.agents.watchdog import Watchdog
from chimera_cli.models.policy import LeasePolicy, patience
from tests.unit.agents.crew_fakes import Ears

TICK = timedelta(milliseconds=10)


class End:
    """Takes note of the end instead of ending."""

    def __init__(self) -> None:
        self.come = threading.Event()
        self.codes: list[int] = []

    def __call__(self, code: int) -> None:
        self.codes.append(code)
        self.come.set()


async def test_a_blocked_loop_ends_the_process_and_says_where_it_hangs() -> None:
    ears, end = Ears(), End()
    with Watchdog(5 * TICK, ears, source="p1", tick=TICK, end=end):
        await asyncio.sleep(0)
        assert end.come.wait(5)
    assert end.codes == [1]
    told = ears.one("agent.failed")
    assert "the event loop has been blocked for 0.05 s at " in told.message
    assert "end.come.wait(5)" in told.fields["trace"]


async def test_a_process_that_is_ill_otherwise_ends_with_what_is_wrong_although_its_loop_answers() -> None:
    ears, end = Ears(), End()
    with Watchdog(1000 * TICK, ears, source="p1", tick=TICK, ill=lambda: "it has a cold", end=end):
        assert await asyncio.to_thread(end.come.wait, 5)
    assert end.codes == [1]
    assert ears.one("agent.failed").message == "it has a cold; this process ends, others take its work over"


async def test_a_loop_that_answers_is_left_alone() -> None:
    ears, end = Ears(), End()
    with Watchdog(20 * TICK, ears, source="p1", tick=TICK, end=end):
        for _ in range(80):
            await asyncio.to_thread(end.come.wait, TICK.total_seconds() / 2)
    assert (end.codes, ears) == ([], [])


def test_patience_is_longer_than_any_lease() -> None:
    assert patience(LeasePolicy()) == timedelta(seconds=30)
    assert patience(LeasePolicy(lease=timedelta(seconds=1), beat=timedelta(seconds=0.3))) == timedelta(seconds=5)


async def test_a_stall_is_told_once_with_its_place_and_its_end() -> None:
    ears, told = Ears(), threading.Event()
    ears.on_emit = told.set
    with Watchdog(1000 * TICK, ears, source="p1", stalled=3 * TICK, tick=TICK, end=End()):
        await asyncio.sleep(0)
        assert told.wait(5)
        told.clear()
        await asyncio.to_thread(told.wait, 5)
    begun, over = [event for event in ears if event.name == "agent.stalled"]
    assert (begun.level, begun.fields["over"], over.fields["over"]) == ("WARN", False, True)
    assert "test_watchdog.py:" in begun.fields["where"] or "threading.py:" in begun.fields["where"]
    assert over.fields["stalled_s"] >= begun.fields["stalled_s"] >= 0.03


async def test_a_stall_that_held_the_watchdog_too_is_told_by_the_time_that_has_passed() -> None:
    ears, over = Ears(), threading.Event()
    ears.on_emit = lambda: ears[-1].fields["over"] and over.set()
    looks = iter([0.0, 60.0])

    def clock() -> float:
        return next(looks, 61.0) if threading.current_thread().name == "watchdog" else 61.0

    with Watchdog(1000 * TICK, ears, source="p1", stalled=10 * TICK, tick=TICK, end=End(), monotonic=clock):
        await asyncio.to_thread(over.wait, 5)
    assert [(event.name, event.fields["over"], event.fields["stalled_s"]) for event in ears] == [
        ("agent.stalled", False, 60.0),
        ("agent.stalled", True, 61.0),
    ]
    assert "with the whole interpreter, in what came before" in ears[0].message
