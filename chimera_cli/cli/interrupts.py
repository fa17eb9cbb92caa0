"""Ctrl-C, SIGTERM and SIGHUP while a program loads and reads: it leaves at once and without a word, having nothing to finish.

Imports nothing that is not loaded when Python has started: this stands in front of all other imports.
"""

import _signal  # type: ignore[import-not-found]  # what `signal` wraps; that one loads enum first
import os

_TO_SHELL = 128
"""What a shell adds to a signal's number."""


def leave_at_once() -> None:
    """End the process on Ctrl-C (130), SIGTERM (143) and SIGHUP (129) from now on, except where one is ignored or has a handler.

    An import that is broken off by KeyboardInterrupt may answer with anything, a traceback included; a process that has gone
    says nothing.
    """
    for number, usual in _USUAL.items():
        if _signal.getsignal(number) == usual:
            _signal.signal(number, _leave)


def raise_interrupts() -> None:
    """Have Ctrl-C raise KeyboardInterrupt again: what runs next has something to put in order."""
    if _signal.getsignal(_signal.SIGINT) is _leave:
        _signal.signal(_signal.SIGINT, _signal.default_int_handler)


def _leave(number: int, _: object) -> None:
    os._exit(_TO_SHELL + number)


_USUAL = {
    _signal.SIGINT: _signal.default_int_handler,
    _signal.SIGTERM: _signal.SIG_DFL,
    _signal.SIGHUP: _signal.SIG_DFL,
}
