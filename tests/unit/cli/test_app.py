import json
from pathlib import Path

import pytest

from chimera_cli import __version__
from chimera_cli.cli.app import COMMANDS
from tests.builders import GOAL, a_goal
from tests.unit.cli.fakes import FakeBackend, FakeSwarm, python, run


def test_chimera_alone_prints_its_help() -> None:
    alone, asked = run(), run("--help")
    assert alone.exit_code == asked.exit_code == 0
    assert alone.stdout == asked.stdout
    assert all(f"  {name} " in alone.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", ["goals", "tasks", "review", "audit", "db"])
def test_a_group_alone_prints_its_help(name: str) -> None:
    result = run(name)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: chimera {name} ")


@pytest.mark.parametrize("arguments", [("--version",), ("goals", "--version"), ("goals", "list", "--version")])
def test_the_version_is_told_anywhere(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).stdout == f"chimera {__version__}\n"


@pytest.mark.parametrize("line", ["--json goals list", "goals --json list", "goals list --json"])
def test_a_global_option_works_in_any_position(line: str) -> None:
    result = run(*line.split(), backend=FakeBackend(FakeSwarm(goals_by_id={GOAL: a_goal()})))
    assert json.loads(result.stdout)["goals"][0]["id"] == GOAL


def test_settings_come_from_the_file_that_is_named(folder: Path) -> None:
    (folder / ".env").unlink()
    assert run("goals", "list").exit_code == 6
    (folder / "other.env").write_text("DATABASE_URL=postgresql://h/d\nREDIS_URL=redis://h\n")
    assert run("--env-file", "other.env", "goals", "list").exit_code == 0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("goal list", "No such command 'goal'"),
        ("goals li", "No such command 'li'"),
        ("goals list --lim 3", "No such option: --lim"),
        ("goals list --limit many", "--limit"),
        ("goals list --limit -1", "--limit"),
        ("goals show", "Missing argument"),
        ("goals list --status GONE", "--status 'GONE' is unknown"),
        ("review reject c", "--reason"),
        ("worker --count 0", "--count"),
        ("audit list --since yesterday", "--since 'yesterday' is no duration"),
    ],
)
def test_a_wrong_command_line_exits_2_with_one_line_and_a_hint(line: str, said: str) -> None:
    result = run(*line.split())
    error, blank, hint = result.stderr.splitlines()
    assert result.exit_code == 2
    assert error.startswith("error: ")
    assert said in error
    assert blank == ""
    assert hint.startswith("hint: ")
    assert result.stdout == ""


def test_python_m_runs_the_same_program() -> None:
    told = python("-m", "chimera_cli", "--version")
    assert (told.returncode, told.stdout) == (0, f"chimera {__version__}\n")
