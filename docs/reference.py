"""Writes the pages that the program itself knows best: `commands.md` from every `--help`, `settings.md` from the settings.

`make docs` runs it; a test fails when a page is older than the program.
"""

import ast
import inspect
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from typer.main import get_command
from typer.testing import CliRunner

from chimera_cli.cli.app import app
from chimera_cli.config import Settings, variable_names
from chimera_cli.models.settings import Group

DOCS = Path(__file__).parent

COMMANDS_HEAD = """# Commands

Made by `make docs` from every `--help`. The options of the first page go with every command, in any position.
See [exit codes](exit-codes.md) for what a command returns.
"""

SETTINGS_HEAD = """# Settings

Made by `make docs` from `chimera_cli/config.py`. Settings come from the environment, and from a `.env` in the present folder
(or the file of `--env-file`). A variable of the environment takes precedence over the file; an empty one means the default.
`chimera up` writes a working `.env`, and `.env.example` is a template. A missing or malformed value ends a command with exit
code 6 and the name of the variable.

| variable | default | values | meaning |
|---|---|---|---|
"""


def commands() -> list[tuple[str, ...]]:
    """List the command tree, groups before what they hold: (), ("up",), ("review",), ("review", "list"), ..."""
    return list(_below(get_command(app), ()))


def _below(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield path
    if hasattr(command, "list_commands"):
        for name in command.list_commands(None):
            yield from _below(command.get_command(None, name), (*path, name))


def help_page(path: tuple[str, ...]) -> str:
    """Return what `chimera ... --help` prints on a screen of 80 columns (the runner sets the width)."""
    told = CliRunner().invoke(app, [*path, "--help"], prog_name="chimera")
    if told.exit_code != 0:
        raise RuntimeError(f"chimera {' '.join(path)} --help ended with {told.exit_code}: {told.output}")
    return "\n".join(line.rstrip() for line in told.stdout.strip().splitlines())


def commands_page() -> str:
    """Write the page of all commands."""
    parts = [f"## {' '.join(('chimera', *path))}\n\n```text\n{help_page(path)}\n```\n" for path in commands()]
    return "\n".join([COMMANDS_HEAD, *parts])


def settings_page() -> str:
    """Write the page of all settings."""
    rows = [
        f"| `{name}` | {_default(field)} | {_values(field.annotation)} | {_line(meaning)} |"
        for name, (field, meaning) in zip(variable_names(), _fields(), strict=True)
    ]
    return SETTINGS_HEAD + "\n".join(rows) + "\n"


def meanings(model: type[BaseModel]) -> dict[str, str]:
    """Read what stands below each field. Pydantic could, while the class is made: each start of the program would pay for it."""
    made = ast.parse(inspect.getsource(model)).body[0]
    below = pairwise(made.body if isinstance(made, ast.ClassDef) else [])
    return {
        field.target.id: words.value.value
        for field, words in below
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(words, ast.Expr) and isinstance(words.value, ast.Constant) and isinstance(words.value.value, str)
    }


def _line(text: str) -> str:
    """A row of a table is one line."""
    return " ".join(text.split())


def _fields() -> Iterator[tuple[FieldInfo, str]]:
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Group):
            yield from ((part, meanings(kind)[key]) for key, part in kind.model_fields.items())
        else:
            yield field, meanings(Settings)[name]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default is None or field.default == ():
        return ""
    return f"`{field.default:g}`" if isinstance(field.default, float) else f"`{field.default}`"


def _values(kind: Any) -> str:
    if get_origin(kind) in (Union, UnionType):
        kind = next(part for part in get_args(kind) if part is not type(None))
    if get_origin(kind) is Literal:
        return " or ".join(f"`{word}`" for word in get_args(kind))
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    names = {float: "number", int: "whole number", str: "text", Path: "path", SecretStr: "text, kept secret"}
    return names.get(kind, "list")


PAGES = {"commands.md": commands_page, "settings.md": settings_page}

if __name__ == "__main__":
    for name, write in PAGES.items():
        (DOCS / name).write_text(write(), encoding="utf-8")
