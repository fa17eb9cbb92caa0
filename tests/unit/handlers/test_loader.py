"""Users' handlers are found in modules and files; what is wrong with those is said in one line with its place."""

import sys
from pathlib import Path

import pytest

from chimera_cli.exceptions import ConfigError
from chimera_cli.handlers.loader import load_handlers

GOOD = """
from pydantic import BaseModel
from chimera_cli.handlers.registry import handler
from chimera_cli.models.result import TaskOutcome

class Order(BaseModel):
    i: int

@handler("noop", judged=False, payload=Order)
async def noop(ctx):
    return TaskOutcome(output={"i": ctx.payload.i})
"""


@pytest.fixture(autouse=True)
def _clean_imports():
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def write(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def test_the_built_in_kinds_are_always_there():
    assert set(load_handlers([]).kinds()) == {"trend.fetch", "content.draft", "content.publish"}


def test_a_file_adds_its_kinds_with_their_payload_models(tmp_path: Path):
    kinds = load_handlers([write(tmp_path, "mine.py", GOOD)]).kinds()
    assert kinds["noop"] is not None
    assert kinds["noop"].model_validate({"i": 1})


def test_a_module_of_the_present_folder_is_found_by_its_dotted_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "swarmkinds").mkdir()
    write(tmp_path / "swarmkinds", "mine.py", GOOD)
    assert "noop" in load_handlers(["swarmkinds.mine"]).kinds()


def test_two_files_of_one_name_do_not_replace_each_other(tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    files = [write(tmp_path / name, "tasks.py", GOOD.replace('"noop"', f'"noop.{name}"')) for name in ("a", "b")]
    assert {"noop.a", "noop.b"} <= set(load_handlers(files).kinds())


def test_a_file_may_import_its_neighbour(tmp_path: Path):
    write(tmp_path, "neighbour_of_mine.py", GOOD)
    assert "noop" in load_handlers([write(tmp_path, "mine.py", "from neighbour_of_mine import noop")]).kinds()


def test_a_users_kind_replaces_a_built_in_one(tmp_path: Path):
    registry = load_handlers([write(tmp_path, "mine.py", GOOD.replace('"noop"', '"trend.fetch"'))])
    found = registry.get("trend.fetch")
    assert found is not None
    assert found.run.__name__ == "noop"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\nraise ValueError('no luck\\ntoday')", r"mine\.py:2: ValueError: no luck today"),
        ("x = (\n", r"mine\.py:1: SyntaxError"),
        ("import nothing_of_that_name", r"mine\.py:1: ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("\n\n1 / 0", r"mine\.py:3: ZeroDivisionError"),
        ("import sys\nsys.exit(4)", r"mine\.py:2: SystemExit: 4"),
        (GOOD.replace('"noop"', '"no op"'), r"mine\.py:9: ValidationError"),
    ],
)
def test_a_broken_module_is_told_with_file_line_and_cause(tmp_path: Path, text: str, said: str):
    with pytest.raises(ConfigError, match=said) as caught:
        load_handlers([write(tmp_path, "mine.py", text)])
    assert "\n" not in caught.value.message


def test_a_module_without_handlers_is_told_how_to_make_one(tmp_path: Path):
    with pytest.raises(ConfigError, match="holds no handler") as caught:
        load_handlers([write(tmp_path, "mine.py", "def noop(ctx): pass")])
    assert "@handler(" in caught.value.hint


@pytest.mark.parametrize("name", ["nothing_of_that_name", "nothing.of.that.name", "./none.py", "json.nothing"])
def test_a_module_that_is_not_there_is_named(name: str):
    with pytest.raises(ConfigError, match=r"there is no (module|file)"):
        load_handlers([name])


def test_an_unjudged_kind_with_an_execute_phase_is_refused(tmp_path: Path):
    text = GOOD + "\n@noop.execute\nasync def perform(ctx, approved):\n    return TaskOutcome()\n"
    with pytest.raises(ConfigError, match="may not have an execute phase"):
        load_handlers([write(tmp_path, "mine.py", text)])
