"""What a command does not use it does not load: the modules of a whole process, not its time, which no shared machine keeps.

A process that finds no server ends after it has loaded what it would have asked the server with.
"""

from pathlib import Path

import pytest
import typer

from tests.unit.cli.fakes import python, settle

PARSER = ("", "--version", "--help", "review --help", "plan --help", "worker --help", "worker --bogus")
LOOKS = ("goals list", "goals show abcd", "tasks list", "tasks show abcd", "review show abcd", "audit verify")
ORDERS = ("status", "tasks cancel abcd --as ada", "review approve abcd --as ada")
ROLES = ("worker --start-timeout 0", "judge --start-timeout 0")

MODEL = {"openai", "instructor", "httpx", "httpx2"}
MIGRATION = {"alembic", "mako"}
SERVING = {"fastapi", "uvicorn", "starlette"}
REDIS = {"redis", "hiredis"}
POSTGRES = {"sqlalchemy", "sqlmodel", "psycopg"}
SHAPES = {"pydantic", "pydantic_settings"}
WRITERS = {
    f"chimera_cli.adapters.postgres_{name}"
    for name in ("dispatching", "past", "projection", "record", "recording", "recovery", "submitting")
}
OVERVIEW = {"chimera_cli.models.snapshot", "chimera_cli.models.delivery", "chimera_cli.views.swarm"}
AGENTS = {"chimera_cli.agents", "chimera_cli.handlers", "chimera_cli.roles", "tenacity", "yaml"}

LISTING = """
import sys
from chimera_cli.__main__ import main
sys.argv = ["chimera", *sys.argv[1:]]
try:
    main()
finally:
    print("LOADED", *sorted(sys.modules), file=sys.stderr)
"""

KEPT = """
import atexit, gc, sys
from chimera_cli.__main__ import main
sys.argv = ["chimera", *sys.argv[1:]]
looks = []
gc.callbacks.append(lambda phase, _: looks.append(phase))
atexit.register(lambda: print("KEPT", len(looks), gc.get_freeze_count(), file=sys.stderr))
main()
"""


def loaded_by(arguments: str, folder: Path) -> set[str]:
    settle(folder, "OPENAI_API_KEY=none\n")
    told = python("-c", LISTING, *arguments.split(), cwd=folder)
    return set(told.stderr.rsplit("LOADED", 1)[1].split())


@pytest.mark.parametrize("arguments", PARSER)
def test_help_and_version_load_the_parser_alone(arguments: str, tmp_path: Path) -> None:
    # From 0.29 on Typer itself imports pydantic for every parse; the pins keep it below.
    own = {"pydantic"} if tuple(map(int, typer.__version__.split(".")[:2])) >= (0, 29) else set()
    heavy = POSTGRES | REDIS | SHAPES | MODEL | MIGRATION | SERVING | AGENTS | {"rich", "asyncio", "chimera_cli.config"}
    assert loaded_by(arguments, tmp_path) & heavy <= own


@pytest.mark.parametrize("arguments", LOOKS)
def test_a_command_that_looks_loads_neither_redis_nor_what_writes_nor_what_draws_on_a_terminal(
    arguments: str, tmp_path: Path
) -> None:
    loaded = loaded_by(arguments, tmp_path)
    assert loaded >= POSTGRES
    needless = REDIS | WRITERS | AGENTS | MODEL | MIGRATION | SERVING | OVERVIEW | {"chimera_cli.bootstrap", "rich"}
    assert loaded & needless == set()


@pytest.mark.parametrize("arguments", ORDERS)
def test_a_command_that_is_no_role_loads_no_agent_and_no_model(arguments: str, tmp_path: Path) -> None:
    loaded = loaded_by(arguments, tmp_path)
    assert loaded >= POSTGRES | REDIS
    assert loaded & (AGENTS | MODEL | MIGRATION | SERVING) == set()


@pytest.mark.parametrize("arguments", ROLES)
def test_a_role_loads_the_model_only_for_its_first_question(arguments: str, tmp_path: Path) -> None:
    loaded = loaded_by(arguments, tmp_path)
    assert loaded >= POSTGRES | REDIS | {"chimera_cli.roles"}
    assert loaded & (MODEL | MIGRATION | SERVING) == set()


@pytest.mark.parametrize("arguments", ["--version", "goals list", "status"])
def test_no_process_looks_for_garbage_in_what_it_loads_neither_at_its_start_nor_at_its_end(
    arguments: str, tmp_path: Path
) -> None:
    settle(tmp_path)
    told = python("-c", KEPT, *arguments.split(), cwd=tmp_path)
    looks, frozen = map(int, told.stderr.rsplit("KEPT", 1)[1].split())
    assert (looks, frozen > 10_000) == (0, True)
