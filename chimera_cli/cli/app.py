"""The root of the command line: which commands there are, loaded when asked for, and the one edge around all of them."""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.main import get_command

from chimera_cli.cli.command import SETTINGS, group
from chimera_cli.cli.edge import guarded
from chimera_cli.cli.terminal import Terminal

COMMANDS = (
    "up",
    "down",
    "doctor",
    "simulate",
    "plan",
    "worker",
    "judge",
    "status",
    "goals",
    "tasks",
    "review",
    "outbox",
    "audit",
    "db",
)
"""Each is a module of this package with an `app`, in the order of the help."""


class Root(TyperGroup):
    """The `chimera` command itself."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Name the commands in a useful order."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Load a command; the others cost nothing."""
        if cmd_name not in COMMANDS:
            return None
        found = get_command(import_module(f"chimera_cli.cli.{cmd_name}").app)
        found.name = cmd_name
        return found

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> NoReturn:
        """Run the command line inside the edge and leave with the exit code."""
        given = list(sys.argv[1:] if args is None else args)
        terminal = extra.pop("obj", None) or Terminal()
        run = super().main

        def call() -> Any:
            return run(given, "chimera", complete_var, standalone_mode=False, obj=terminal, **extra)

        sys.exit(guarded(call, terminal, given))


app: typer.Typer = group(
    "Run swarms of LLM agents on Redis and Postgres, with people in charge of what leaves the house."
)
app.info.cls = Root
app.info.context_settings = SETTINGS
app.info.epilog = "Example: chimera simulate"
