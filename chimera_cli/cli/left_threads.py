"""Threads that handlers started and left: Python waits for those that are no daemons, for ever if need be."""

import os
import sys
from collections.abc import Callable
from datetime import timedelta

LONGEST_WAIT = timedelta(seconds=8)
"""How long a process may wait for them at its end."""


def wait_no_longer(*, leave: Callable[[int], object] = os._exit, within: timedelta = LONGEST_WAIT) -> bool:
    """See to it that this process, which leaves with the exception at hand, has ended in time; tells whether that was necessary.

    Args:
        leave: Ends the process at once.
        within: How long it may take.
    """
    if "threading" not in sys.modules:
        return False
    import threading

    if all(thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        return False
    left = sys.exc_info()[1]
    code = left.code if isinstance(left, SystemExit) and isinstance(left.code, int) else int(left is not None)
    timer = threading.Timer(within.total_seconds(), leave, [code])
    timer.daemon = True
    timer.start()
    return True
