"""Draws a view into text, as a screen of some width would show it."""

from io import StringIO

from rich.console import Console

from chimera_cli.views.shown import Shown

ESCAPE = "\x1b"


def drawn(view: Shown, width: int = 80, *, colour: bool = False) -> str:
    stream = StringIO()
    system = "standard" if colour else None
    Console(file=stream, width=width, color_system=system, force_terminal=colour, legacy_windows=False).print(
        view.drawn()
    )
    return stream.getvalue()
