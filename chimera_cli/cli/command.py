"""How a function becomes a command: it gets the terminal, the global options are grafted on, its help ends with an example."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import typer

from chimera_cli.cli.options import declared
from chimera_cli.cli.terminal import Terminal

_GLOBAL = inspect.signature(declared).parameters
_CONTEXT = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)

SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


def group(help: str) -> typer.Typer:
    """Make a group of commands, such as `review`; alone it prints its help."""
    made = single(help)
    made.callback(invoke_without_command=True, help=help)(_with_globals(_help_when_alone))
    return made


def single(help: str = "") -> typer.Typer:
    """Make the holder of one command."""
    return typer.Typer(
        help=help,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=SETTINGS,
    )


def command(
    holder: typer.Typer, name: str | None = None, *, example: str
) -> Callable[[Callable[..., int | None]], Callable[..., int | None]]:
    """Register a function `(terminal, ...) -> exit code or None`."""

    def register(function: Callable[..., int | None]) -> Callable[..., int | None]:
        holder.command(name, epilog=f"Example: {example}", context_settings=SETTINGS)(_with_globals(function))
        return function

    return register


def _help_when_alone(terminal: Terminal, ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def _with_globals(function: Callable[..., int | None]) -> Callable[..., int | None]:
    own = list(inspect.signature(function).parameters.values())[1:]
    wants_context = any(parameter.annotation is typer.Context for parameter in own)

    @functools.wraps(function)
    def run(ctx: typer.Context, **given: Any) -> int | None:
        terminal = ctx.find_object(Terminal) or Terminal()
        terminal.options.merge({name: given.pop(name) for name in _GLOBAL if name != "version"})
        given.pop("version")
        return function(terminal, ctx, **given) if wants_context else function(terminal, **given)

    shown = [p.replace(kind=p.KEYWORD_ONLY) for p in own if p.annotation is not typer.Context]
    parameters = [_CONTEXT, *shown, *_GLOBAL.values()]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run
