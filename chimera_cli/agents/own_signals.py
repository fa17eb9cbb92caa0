"""What code in a role's process may not do: send a signal that stops it to its own process, group or parent.

A handler that does is told so where it tries, which costs its task an attempt and its neighbours nothing. For that the functions
that send signals are replaced for a while. What comes from outside or in another way, as by a command, is not seen here: what its
process gives back is counted (ADR 0034).
"""

import errno
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from types import ModuleType
from typing import Any

STOPPING = frozenset(
    {
        signal.SIGHUP,
        signal.SIGINT,
        signal.SIGQUIT,
        signal.SIGABRT,
        signal.SIGKILL,
        signal.SIGTERM,
        signal.SIGSTOP,
        signal.SIGTSTP,
    }
)
"""Signals that end or stop a process."""
Send = Callable[..., Any]
"""Sends a signal; its number comes last."""


def _process_of(pid: int, number: int) -> str:
    if pid == os.getppid():
        return "the parent of its process"
    return "its own process" if pid == os.getpid() else _group_of(-pid, number) if pid <= 0 else ""


def _group_of(group: int, _: int) -> str:
    return {0: "its own process group", 1: "every process", os.getpgrp(): "its own process group"}.get(group, "")


SENDING: Mapping[tuple[ModuleType, str], Callable[..., str]] = {
    (os, "kill"): _process_of,
    (os, "killpg"): _group_of,
    (signal, "pthread_kill"): lambda thread, _: "a thread of its own process",
    (signal, "raise_signal"): lambda _: "its own process",
}
"""The functions that send signals, and what names whom theirs would meet: '' for others than this process."""


def careful(send: Send, whom_of: Callable[..., str]) -> Send:
    """Make a function that sends signals refuse what would stop this process; one that is forked may do as it likes."""
    process = os.getpid()

    @wraps(send)
    def send_with_care(*given: Any) -> Any:
        if given and given[-1] in STOPPING and os.getpid() == process and (whom := whom_of(*given)):
            name = signal.Signals(given[-1]).name
            raise PermissionError(
                errno.EPERM, f"a handler may not send {name} to {whom}: its agent's process is shared"
            )
        return send(*given)

    return send_with_care


@contextmanager
def refusing_own_signals() -> Iterator[None]:
    """Have them refused for a while."""
    before = {(module, name): getattr(module, name) for module, name in SENDING}
    for (module, name), send in before.items():
        setattr(module, name, careful(send, SENDING[module, name]))
    try:
        yield
    finally:
        for (module, name), send in before.items():
            setattr(module, name, send)
