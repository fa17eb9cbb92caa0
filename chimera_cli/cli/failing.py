"""How failures are told on stderr: as lines for a person, as one JSON object for a script, also when several things failed."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from chimera_cli.cli.terminal import Terminal
from chimera_cli.exceptions import SwarmError


@dataclass(frozen=True)
class Failure:
    """Why a command, or a part of what it was to do, failed."""

    code: str
    """Its name for scripts."""
    message: str
    """What happened, in a line."""
    hint: str
    """What mends it; empty when nothing does."""
    exit_code: int
    """What the command ends with."""
    retryable: bool
    """Whether the same command may work later."""


def say_failure(terminal: Terminal, failure: Failure) -> int:
    """Tell why a command failed; returns its exit code."""
    return _say(terminal, [failure])


def say_errors(terminal: Terminal, errors: Sequence[SwarmError]) -> int:
    """Tell each of several errors; returns the exit code, which is the lowest of theirs, and 0 without any.

    The JSON object is about the first with that code, and lists all under `errors` when there are several.
    """
    failures = [Failure(e.code, e.message, e.hint, e.exit_code, e.retryable) for e in errors]
    return _say(terminal, failures) if failures else 0


def _say(terminal: Terminal, failures: Sequence[Failure]) -> int:
    worst = min(failures, key=lambda failure: failure.exit_code)
    if terminal.options.json:
        several = {"errors": [_document(terminal, each) for each in failures]} if len(failures) > 1 else {}
        terminal.complain(json.dumps({"error": {**_document(terminal, worst), **several}}))
        return worst.exit_code
    hints = dict.fromkeys(f"hint: {_line(terminal, each.hint)}" for each in failures if each.hint)
    lines = [*(f"error: {_line(terminal, each.message)}" for each in failures), *([""] if hints else []), *hints]
    terminal.complain("\n".join(lines))
    return worst.exit_code


def _document(terminal: Terminal, failure: Failure) -> dict[str, object]:
    return {**asdict(failure), "message": _line(terminal, failure.message), "hint": _line(terminal, failure.hint)}


def _line(terminal: Terminal, text: str) -> str:
    from chimera_cli.services.plain_text import one_line

    return one_line(terminal.redact(text))
