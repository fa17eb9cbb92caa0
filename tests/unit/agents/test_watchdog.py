"""A process whose event loop is blocked ends and says where; one that works, sleeps or was stopped does not."""

import asyncio
import threading
from datetime import timedelta

from chimera_cli.agents.watchdog import Watchdog, patience
from chimera_cli.models.policy import LeasePolicy
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


async def test_a_loop_that_answers_is_left_alone() -> None:
    ears, end = Ears(), End()
    with Watchdog(20 * TICK, ears, source="p1", tick=TICK, end=end):
        for _ in range(80):
            await asyncio.to_thread(end.come.wait, TICK.total_seconds() / 2)
    assert (end.codes, ears) == ([], [])


def test_patience_is_longer_than_any_lease() -> None:
    assert patience(LeasePolicy()) == timedelta(seconds=30)
    assert patience(LeasePolicy(lease=timedelta(seconds=1), beat=timedelta(seconds=0.3))) == timedelta(seconds=5)
