"""The user's side of a command: where data and words go, the settings it runs with, and the swarm it opens."""

import json
import sys
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, TypeVar

from chimera_cli.cli.backend import Backend
from chimera_cli.cli.interrupts import leave_at_once, raise_interrupts
from chimera_cli.cli.options import Colour, Options

if TYPE_CHECKING:
    from rich.console import Console

    from chimera_cli.config import Settings
    from chimera_cli.ports.telemetry import TelemetryPort
    from chimera_cli.services.records import Records
    from chimera_cli.services.swarm import Swarm
    from chimera_cli.views.shown import Shown

T = TypeVar("T")


class Terminal:
    """Made once a run of the program; tests give it another backend."""

    def __init__(self, backend: Backend | None = None) -> None:
        self.options = Options()
        self.backend = backend or Backend()
        self._settings: Settings | None = None

    def settings(self) -> "Settings":
        """Return the settings, read once. Raises ConfigError."""
        if self._settings is None:
            self._settings = self.backend.settings(self.options.env_file)
        return self._settings

    def telemetry(self, *, role: bool = False) -> "TelemetryPort":
        """Return where `[MCP-LOG]` lines go: all of them for a long-running role, else from warnings on; -q and -v shift it."""
        from chimera_cli.adapters.logging import open_log
        from chimera_cli.models.telemetry import Level

        talkative = (role and not self.options.quiet) or self.options.verbose
        return open_log(secrets=self.settings().secret_values(), least=Level.INFO if talkative else Level.WARN)

    def swarm(self, *, looks: bool = False) -> "AbstractAsyncContextManager[Swarm]":
        """Open the swarm that the settings name; with `looks` also where Redis evicts keys, which refuses all that write."""
        return self.backend.open_swarm(self.settings(), telemetry=self.telemetry(), looks=looks)

    def records(self) -> "AbstractAsyncContextManager[Records]":
        """Open the record alone, to look at: without Redis a command starts sooner, and works while Redis is away."""
        return self.backend.open_records(self.settings(), telemetry=self.telemetry())

    def plain(self, lines: Iterable[str]) -> "Shown":
        """Make something to show of a few lines."""
        from chimera_cli.views.shown import Stack, Words

        return Stack([Words(line) for line in lines], gap=False)

    def run(self, work: Coroutine[Any, Any, T], *, by: Callable[[Coroutine[Any, Any, T]], T] | None = None) -> T:
        """Run the command's asynchronous part, by something else than asyncio itself where that is given."""
        import asyncio  # 15 ms that help does not need

        async def interruptible() -> T:
            try:
                return await work
            except Exception:
                # Ctrl-C cancels at the next pause: a failure before any pause would hide it.
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise asyncio.CancelledError from None
                raise

        raise_interrupts()
        try:
            return (by or asyncio.run)(interruptible())
        finally:
            leave_at_once()

    def show(self, document: object, view: "Shown") -> None:
        """Print a value: as one JSON document, as a drawing on a terminal, or as tab-separated lines into a pipe.

        A long document may come as a function, which is asked for it only where it is printed.
        """
        if self.options.json:
            self.write([json.dumps(document() if callable(document) else document, indent=2)])
        elif self.drawing:
            self.console().print(view.drawn())
        else:
            self.write(view.lines())

    def note_limit(self, shown: int, limit: int) -> None:
        """Say that a list may be longer than what is shown."""
        if limit and shown == limit:
            self.note(f"{limit} shown, there may be more; --limit 0 shows all")

    @property
    def drawing(self) -> bool:
        """Whether a person looks at stdout."""
        return (sys.stdout is not None and sys.stdout.isatty()) or self.options.colour is Colour.ALWAYS

    def console(self) -> "Console":
        """Return what draws on stdout; it obeys NO_COLOR and TERM=dumb by itself."""
        from rich.console import Console

        always, never = (self.options.colour is choice for choice in (Colour.ALWAYS, Colour.NEVER))
        # Without a colour system nothing is bold or dim either.
        return Console(force_terminal=True if always else None, color_system=None if never else "auto", highlight=False)

    def write(self, lines: Iterable[str]) -> None:
        """Write lines to stdout at once."""
        for line in lines:
            sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Say something to the person in a line on stderr."""
        from chimera_cli.services.plain_text import one_line

        if not self.options.quiet:
            self.complain(one_line(self.redact(text)))

    def complain(self, text: str) -> None:
        """Write lines to stderr, without secrets and without what steers a terminal; or nowhere when it is gone."""
        from chimera_cli.services.plain_text import many_lines

        if sys.stderr is None:
            return
        try:
            sys.stderr.write(f"{many_lines(self.redact(text))}\n")
            sys.stderr.flush()
        except (OSError, ValueError):
            return

    def redact(self, text: str) -> str:
        """Take secrets out of words for stderr."""
        from chimera_cli.services.redaction import Redactor

        return Redactor(self._settings.secret_values() if self._settings else ()).text(text)
