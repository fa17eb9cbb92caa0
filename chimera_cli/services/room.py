"""Waiting for room in the queue, for whoever would rather wait than be refused."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from chimera_cli.exceptions import QueueFull, WaitTimeout
from chimera_cli.ports.clock import Chance, ClockPort

PAUSE = timedelta(seconds=1)
"""Time between two tries, give or take a quarter."""

LONGER = "give a longer --timeout, start more workers, or raise CHIMERA_MAX_QUEUED"

T = TypeVar("T")


async def when_there_is_room(
    call: Callable[[], Awaitable[T]],
    clock: ClockPort,
    *,
    chance: Chance,
    notice: Callable[[str], None],
    timeout: timedelta | None = None,
) -> T:
    """Make a call that stores tasks, again and again while it is refused for want of room. Nobody is served out of turn, but
    there are no turns either: whoever asks first when room comes gets it.

    Raises:
        WaitTimeout: There was no room in time.
        QueueFull: There never will be: the tasks are too many by themselves.
    """
    waited = timedelta(0)
    while True:
        try:
            return await call()
        except QueueFull as full:
            if full.alone:
                raise
            if not waited:
                notice(f"waiting for room: {full.message}")
            if timeout is not None and waited >= timeout:
                late = f"there was no room after {timeout.total_seconds():g} s"
                raise WaitTimeout(late, hint=LONGER) from full
            pause = PAUSE * (0.75 + chance() / 2)
            await clock.sleep(pause)
            waited += pause
