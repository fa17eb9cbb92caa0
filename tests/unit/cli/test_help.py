from importlib import import_module

import pytest
from typer.main import get_command

from chimera_cli.cli.app import COMMANDS
from tests.unit.cli.fakes import run


def every_command() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name in COMMANDS:
        holder = import_module(f"chimera_cli.cli.{name}").app
        commands = getattr(get_command(holder), "commands", None)
        found += [(name, sub) for sub in commands] if commands else [(name,)]
    return found


def test_the_commands_of_this_issue_are_all_there() -> None:
    promised = (
        "up down doctor simulate plan worker judge status goals-list goals-show tasks-list tasks-show tasks-add "
        "review-list review-show review-approve review-reject audit-list db-migrate db-status"
    )
    assert {"-".join(path) for path in every_command()} >= set(promised.split())


@pytest.mark.parametrize("path", every_command(), ids=" ".join)
def test_every_command_has_help_that_ends_with_an_example_of_itself(path: tuple[str, ...]) -> None:
    result = run(*path, "-h")
    lines = result.stdout.rstrip().splitlines()
    assert result.exit_code == 0
    assert lines[2].strip().endswith(".")
    assert lines[-1].strip().startswith(f"Example: chimera {' '.join(path)}")


@pytest.mark.parametrize("path", every_command(), ids=" ".join)
def test_every_option_and_argument_says_what_it_is_for(path: tuple[str, ...]) -> None:
    command = get_command(import_module(f"chimera_cli.cli.{path[0]}").app)
    if len(path) == 2:
        command = command.commands[path[1]]  # type: ignore[attr-defined]
    assert [parameter.name for parameter in command.params if not getattr(parameter, "help", None)] == []
