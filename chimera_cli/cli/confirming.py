"""Before something is done that cannot be undone, or to many at once: how much it touches is said, and somebody agrees."""

import sys

import typer

from chimera_cli.cli.interrupts import raise_interrupts
from chimera_cli.cli.terminal import Terminal
from chimera_cli.exceptions import EXIT_CONFIRM, SwarmError


class ConfirmationNeeded(SwarmError):
    """Nobody agreed to what was to be done; nothing was."""

    code = "confirmation"
    exit_code = EXIT_CONFIRM

    def __init__(self, intent: str, *, dry_run: bool = False) -> None:
        look = ", --dry-run to see what it touches" if dry_run else ""
        super().__init__(f"not confirmed: {intent}", hint=f"add --yes to do it{look}")
        self.intent = intent


def confirm(terminal: Terminal, intent: str, *, yes: bool, dry_run: bool = False) -> None:
    """Say what is about to be done, and have the person at the terminal agree unless it was said beforehand.

    Args:
        terminal: Where they sit.
        intent: What is about to be done.
        yes: Whether it was agreed to beforehand.
        dry_run: Whether the command has `--dry-run`, for the hint.

    Raises:
        ConfirmationNeeded: The answer was no, or there is nobody to ask.
    """
    if yes:
        if not terminal.options.json:
            terminal.note(intent)
        return
    asked = not terminal.options.no_input and sys.stdin.isatty() and sys.stderr.isatty()
    if not (asked and _agreed(terminal, f"{terminal.redact(intent)}?")):
        raise ConfirmationNeeded(intent, dry_run=dry_run)


def _agreed(terminal: Terminal, question: str) -> bool:
    raise_interrupts()
    try:
        return typer.confirm(question, err=True)
    except typer.Abort as left:
        # Whatever follows must not stand on the line of the question.
        terminal.complain("")
        if isinstance(left.__context__, EOFError):
            return False
        raise
