"""The options that every command takes, in any position: before the command, between its words, and after them."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from chimera_cli import __version__


class Colour(StrEnum):
    """When to use colours."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass
class Options:
    """What was given so far; each level of the command line adds to it."""

    json: bool = False
    """Data as JSON on stdout, a failure as JSON on stderr."""
    quiet: bool = False
    """Only warnings and errors on stderr."""
    verbose: bool = False
    """More on stderr."""
    colour: Colour = Colour.AUTO
    """When to use colours."""
    no_input: bool = False
    """Never ask a question."""
    env_file: Path | None = None
    """File to read settings from; None for `.env` of the present folder."""
    debug: bool = False
    """Show tracebacks."""

    def merge(self, given: dict[str, Any]) -> None:
        """Take over what a level of the command line was given; what was not given leaves the rest alone."""
        for name, value in given.items():
            if value not in (None, False):
                setattr(self, name, value)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"chimera {__version__}")
        raise typer.Exit


def declared(
    *,
    json: Annotated[bool, typer.Option("--json", help="Data as JSON on stdout; a failure as JSON on stderr.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only warnings and errors on stderr.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="More on stderr.")] = False,
    colour: Annotated[
        Colour | None, typer.Option("--color", help="Colours: auto, always or never.", show_default="auto")
    ] = None,
    no_input: Annotated[bool, typer.Option("--no-input", help="Never ask a question.")] = False,
    env_file: Annotated[
        Path | None, typer.Option("--env-file", help="Read settings from this file.", show_default=".env")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and leave.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Declare the options; its signature is grafted onto every command."""
