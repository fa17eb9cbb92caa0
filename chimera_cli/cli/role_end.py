"""The end of a role's process, however its event loop ends: said in a line, with an exit code, and in a bounded time.

Handlers share the loop. One can stop it, cancel all that is in it, raise SystemExit in a task of its own, or close the descriptors
that it stands on; and one that does not end when it is cancelled would keep a process for ever.
"""

import asyncio
import errno
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from chimera_cli.agents.descriptors import CLOSED
from chimera_cli.exceptions import EXIT_FAILED, SwarmError

LONGEST_FAREWELL = timedelta(seconds=8)
"""How long a process may take to end when its work has ended."""
BROKEN = (RuntimeError, ValueError, OSError, SystemExit, asyncio.CancelledError)
"""What comes out of an event loop that was ended by what ran in it."""
UNUSABLE = (errno.EBADF, errno.EINVAL, errno.EPERM, errno.ENOTSOCK)
"""What the system says of a descriptor that was closed, or stands for something else since."""


def run_to_the_end(
    work: Coroutine[Any, Any, int],
    *,
    leave: Callable[[int], object] = os._exit,
    within: timedelta = LONGEST_FAREWELL,
) -> int:
    """Run a role's work in a loop of its own and return its exit code.

    Args:
        work: Runs the role.
        leave: Ends the process at once; called when the loop cannot be closed in time.
        within: How long that may take.

    Raises:
        SwarmError: The loop was ended from within. What the work raises comes out as it is.
    """
    runner, code = asyncio.Runner(), EXIT_FAILED
    own: list[BaseException] = []

    async def noted() -> int:
        try:
            return await work
        except Exception as error:
            own.append(error)
            raise

    try:
        code = runner.run(noted())
        return code
    except BROKEN as error:
        if error in own:
            raise
        raise _broken(error) from error
    finally:
        with _in_time(within, leave, code), suppress(*BROKEN):
            # A loop that was broken may not be closed in order; its process ends all the same.
            runner.close()


def _broken(error: BaseException) -> SwarmError:
    if isinstance(error, OSError) and error.errno in UNUSABLE:
        hint = "look for os.closerange, or for code that makes a daemon, in the handlers that ran last"
        return SwarmError(f"{CLOSED}, so it ends; others take its work over", hint=hint)
    how = "cancelled" if isinstance(error, asyncio.CancelledError) else f"ended ({type(error).__name__}: {error})"
    hint = "a handler may stop no loop, cancel no task but its own, and raise no exit in a task of its own"
    return SwarmError(f"the event loop was {how} by code that runs in it; others take the work over", hint=hint)


@contextmanager
def _in_time(within: timedelta, leave: Callable[[int], object], code: int) -> Iterator[None]:
    """End the process when what is done takes too long."""
    timer = threading.Timer(within.total_seconds(), leave, [code])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
