"""The edge between the program and its user: every way a command can end becomes an exit code and at most three lines."""

import errno
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import typer

from chimera_cli.cli.failing import Failure, say_errors, say_failure
from chimera_cli.cli.terminal import Terminal
from chimera_cli.exceptions import EXIT_FAILED, EXIT_USAGE, SwarmError

EXIT_INTERRUPTED = 128 + signal.SIGINT
"""Ctrl-C ended a command that had nothing to finish."""
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG, errno.EBADF)
"""What a file or a device says that takes no more."""


def guarded(call: Callable[[], Any], terminal: Terminal, arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; says on stderr what went wrong."""
    open_streams()
    try:
        code = call()
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except BrokenPipeError:
        # The reader has what it wanted; Python must not complain about it again while it shuts down.
        _mute(sys.stdout)
        return 0
    except (KeyboardInterrupt, typer.Abort):
        return EXIT_INTERRUPTED
    except SwarmError as error:
        _debug(terminal)
        return say_errors(terminal, [error])
    except typer.Exit as leave:
        return leave.exit_code
    except SystemExit as leave:
        # Typer catches a broken pipe itself and leaves with 1.
        if isinstance(leave.__context__, BrokenPipeError):
            return 0
        raise
    except Exception as error:
        if usage := _usage(error):
            terminal.options.json = terminal.options.json or "--json" in _before_dashes(arguments)
            return say_failure(terminal, Failure("usage", *usage, EXIT_USAGE, False))
        return _surprise(terminal, error)


def open_streams() -> None:
    """Open what was closed when the program started, so that nothing else takes its number, and let no character stop output."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            # In this order the lowest free number is the stream's own.
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _surprise(terminal: Terminal, error: Exception) -> int:
    if isinstance(error, OSError) and error.errno in UNWRITABLE:
        _mute(sys.stdout)
        message = f"the output cannot be written: {error.strerror}"
        hint = "make room, or write it elsewhere"
        return say_failure(terminal, Failure("output", message, hint, EXIT_FAILED, False))
    _debug(terminal)
    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    hint = "" if terminal.options.debug else "run the same command with --debug and report what it shows"
    return say_failure(terminal, Failure("internal", message, hint, EXIT_FAILED, False))


def _debug(terminal: Terminal) -> None:
    if terminal.options.debug:
        terminal.complain(traceback.format_exc())


def _usage(error: Exception) -> tuple[str, str] | None:
    """Read the parser's complaint; Typer ships its parser privately, so it is known by its shape."""
    if getattr(error, "exit_code", None) != EXIT_USAGE or not hasattr(error, "format_message"):
        return None
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "chimera"
    return error.format_message().replace("\n", " "), f"{path} --help"


def _before_dashes(arguments: Sequence[str]) -> Sequence[str]:
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def _mute(stream: Any) -> None:
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError):
        return
