"""The house rules that no linter knows: sizes, names, docstrings, edges, and what git may hold."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

import chimera_cli

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "chimera_cli"
MODULES = sorted(PACKAGE.rglob("*.py"))
SCRIPTS = sorted((PACKAGE / "adapters" / "lua").glob("*.lua"))

LONGEST_MODULE = 250
LONGEST_FUNCTION = 30
BANNED_NAMES = {"utils", "util", "common", "helpers", "helper", "misc", "constants", "types"}

BROAD_CATCHES = {
    "agents/worker.py": "one task's run",
    "agents/judge.py": "one result's judgement, which is held for a person then",
    "agents/outage.py": "one round of a loop that must not end",
    "adapters/scripts.py": "one round trip for many callers; each hears what it raised",
    "handlers/threads.py": "a user's function in its thread; what it raised is raised again by whoever waits for it",
    "handlers/loader.py": "a user's module, which may raise anything while it is imported",
    "services/plain_json.py": "the text of one value that a handler logs, whose own method may raise anything",
    "services/keyword_filter.py": "one detector; a text that it could not read goes to a person",
    "cli/edge.py": "one command",
}
"""Where anything may be caught, and around what."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def place(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), filename=str(path))


def functions(path: Path) -> Iterator[Function]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, Function))


def lines_of_code(function: Function, path: Path) -> int:
    """Count a function's lines without its decorators, docstring, comments and empty lines."""
    source = path.read_text("utf-8").splitlines()
    skipped: set[int] = set()
    first = function.body[0]
    if ast.get_docstring(function) is not None and first.end_lineno is not None:
        skipped.update(range(first.lineno, first.end_lineno + 1))
    rows = range(function.lineno, (function.end_lineno or function.lineno) + 1)
    return sum(
        bool(source[row - 1].strip()) and not source[row - 1].strip().startswith("#")
        for row in rows
        if row not in skipped
    )


def offenders(found: Iterator[str] | list[str]) -> str:
    return "\n".join(sorted(found))


def test_the_public_names_are_sorted_and_complete() -> None:
    names = chimera_cli.__all__
    assert names == sorted(names)
    assert set(names) == set(chimera_cli._HOMES)
    assert names == [
        "Handler",
        "OCCConflict",
        "Swarm",
        "SwarmError",
        "TaskContext",
        "TaskOutcome",
        "TaskSpec",
        "connect",
        "handler",
    ]


def test_every_public_name_leads_to_its_home() -> None:
    for name, home in chimera_cli._HOMES.items():
        assert getattr(chimera_cli, name) is getattr(import_module(home), name)


def test_every_list_of_exported_names_is_sorted_and_true() -> None:
    for path in MODULES:
        for node in tree(path).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                names = ast.literal_eval(node.value)
                module = import_module(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
                assert names == sorted(names), place(path)
                assert all(hasattr(module, name) for name in names), place(path)


def test_no_module_is_too_long() -> None:
    lengths = {place(path): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    too_long = [f"{name}: {count} lines" for name, count in lengths.items() if count > LONGEST_MODULE]
    assert not too_long, offenders(too_long)


def test_no_function_is_too_long() -> None:
    found = [(path, function, lines_of_code(function, path)) for path in MODULES for function in functions(path)]
    too_long = [f"{place(path)}:{f.lineno} {f.name}: {count}" for path, f, count in found if count > LONGEST_FUNCTION]
    assert not too_long, offenders(too_long)


def test_no_class_or_module_hides_behind_a_name_that_says_nothing() -> None:
    parts = {place(path): set(path.relative_to(PACKAGE).with_suffix("").parts) for path in MODULES}
    assert not offenders([name for name, words in parts.items() if words & BANNED_NAMES])


def test_the_packages_own_files_are_empty_but_the_top_one() -> None:
    filled = [
        place(path)
        for path in MODULES
        if path.name == "__init__.py" and path.parent != PACKAGE and path.read_text().strip()
    ]
    assert not filled, offenders(filled)


def test_every_module_says_what_it_is_for() -> None:
    silent = [place(path) for path in MODULES if path.read_text().strip() and ast.get_docstring(tree(path)) is None]
    assert not silent, offenders(silent)


def test_everything_public_has_a_docstring() -> None:
    silent = [f"{place(path)}:{node.lineno} {name}" for path in MODULES for name, node in public_nodes(tree(path))]
    assert not silent, offenders(silent)


def public_nodes(parent: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[tuple[str, ast.ClassDef | Function]]:
    """Find public classes and functions without a docstring; what is inside a private class is private."""
    for node in parent.body:
        if not isinstance(node, ast.ClassDef | Function) or node.name.startswith("_"):
            continue
        if ast.get_docstring(node) is None:
            yield prefix + node.name, node
        if isinstance(node, ast.ClassDef):
            yield from public_nodes(node, f"{prefix}{node.name}.")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_every_script_begins_with_what_it_does_takes_and_returns(script: Path) -> None:
    header, closed, body = script.read_text("utf-8").partition("]]")
    assert header.startswith("--[[ "), script.name
    assert closed, script.name
    assert re.match(r"--\[\[ [A-Z][^.]+\.", header), f"{script.name} does not begin with a sentence"
    assert body.strip(), script.name
    taken = {int(number) for number in re.findall(r"ARGV\[(\d+)\]", header)}
    used = {int(number) for number in re.findall(r"ARGV\[(\d+)\]", body)}
    used |= set(range(1, unpacked(body) + 1))
    assert taken == used, f"{script.name}: the header tells of {sorted(taken)}, the code reads {sorted(used)}"
    if script.stem != "transition":
        assert re.search(r"^ +Returns  \S", header, re.M), f"{script.name} does not say what it returns"


def unpacked(body: str) -> int:
    """Count the names in `local a, b = unpack(ARGV)`."""
    found = re.search(r"^local ([\w, ]+) = unpack\(ARGV\)", body, re.M)
    return found[1].count(",") + 1 if found else 0


def test_anything_may_be_caught_at_the_edges_only() -> None:
    found = {place(path) for path in MODULES for node in ast.walk(tree(path)) if catches_anything(node)}
    assert found <= BROAD_CATCHES.keys(), offenders(list(found - BROAD_CATCHES.keys()))


def catches_anything(node: ast.AST) -> bool:
    """Tell whether this is an `except` for everything that does not raise again."""
    if not isinstance(node, ast.ExceptHandler):
        return False
    caught = {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)} if node.type else {"Exception"}
    if not caught & {"Exception", "BaseException"}:
        return False
    last = node.body[-1]
    return not (isinstance(last, ast.Raise) and last.exc is None)


def test_packages_behind_the_package_are_imported_where_they_are_wrapped_only() -> None:
    homes = {
        "redis": {"adapters", "simulation"},
        "sqlmodel": {"adapters"},
        "sqlalchemy": {"adapters", "bootstrap.py", "records.py"},
        "psycopg": {"adapters", "local", "simulation"},
        "alembic": {"adapters"},
        "openai": {"adapters"},
        "instructor": {"adapters"},
        "typer": {"cli"},
        "rich": {"cli", "views", "simulation"},
        "fastapi": {"simulation"},
        "uvicorn": {"simulation"},
    }
    wrong = [
        f"{place(path)}: {name}"
        for path in MODULES
        for name in imported(path)
        if name in homes and place(path).split("/")[0] not in homes[name]
    ]
    assert not wrong, offenders(wrong)


def imported(path: Path) -> Iterator[str]:
    """Name the top packages that a module imports, wherever in it."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{place(path)}:{node.lineno} imports relatively"
            yield node.module.split(".")[0]


def test_nobody_imports_the_parser_that_typer_ships_for_itself() -> None:
    assert not offenders([place(path) for path in MODULES if "click" in set(imported(path))])


def test_nothing_of_ours_writes_a_status_beside_the_transition() -> None:
    """One place changes a live task's status: only transition.lua may write the field, and push.lua its first value."""
    writers = {path.stem for path in SCRIPTS if re.search(r"""(set|HSET)[^\n]*'status'""", path.read_text("utf-8"))}
    assert writers == {"transition", "push"}


def test_every_module_with_logic_is_tested_by_name_or_through_its_neighbour() -> None:
    """A module has a twin in tests/unit, or a test names it, or it is a part of a neighbour in its folder that is tested."""
    untested = sorted(place(path) for path in MODULES if has_logic(path) and path not in known_to_tests())
    assert not untested, offenders(untested)


@cache
def known_to_tests() -> set[Path]:
    texts = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__))
    found = {path for path in MODULES if has_twin(path) or re.search(rf"{re.escape(dotted(path))}\b", texts)}
    found |= {path for path in MODULES if dotted(path) in imported_by_tests() | imported_by_commands_that_tests_run()}
    waiting = list(found)
    while waiting:
        parts = [part for part in parts_of(waiting.pop()) if part not in found]
        found.update(parts)
        waiting += parts
    return found


@cache
def imported_by_tests() -> set[str]:
    tests = (ROOT / "tests").rglob("*.py")
    nodes = (node for path in tests for node in ast.walk(tree(path)) if isinstance(node, ast.ImportFrom))
    return {name for node in nodes for name in targets(node)}


def imported_by_commands_that_tests_run() -> set[str]:
    """Name what a command imports, when a test runs that command as a process."""
    texts = "\n".join(
        path.read_text("utf-8") for tier in ("cli", "integration") for path in (ROOT / "tests" / tier).rglob("*.py")
    )
    run = (path for path in (PACKAGE / "cli").glob("*.py") if f'"{path.stem}"' in texts)
    nodes = (node for path in run for node in ast.walk(tree(path)) if isinstance(node, ast.ImportFrom))
    return {name for node in nodes for name in targets(node)}


def parts_of(path: Path) -> Iterator[Path]:
    """List the modules beside this one that it imports; commands and migrations are loaded by name."""
    names = {alias for node in ast.walk(tree(path)) if isinstance(node, ast.ImportFrom) for alias in targets(node)}
    if place(path) == "cli/app.py":
        names |= {f"chimera_cli.cli.{name}" for name in import_module(dotted(path)).COMMANDS}
    steps = path.parent.glob("migrations/**/*.py") if place(path) == "adapters/schema.py" else ()
    yield from steps
    yield from (other for other in path.parent.glob("*.py") if dotted(other) in names)


def targets(node: ast.ImportFrom) -> Iterator[str]:
    yield node.module or ""
    yield from (f"{node.module}.{alias.name}" for alias in node.names)


def has_logic(path: Path) -> bool:
    """Tell whether a module decides anything: ports and plain declarations do not."""
    if place(path).startswith("ports/"):
        return False
    deciding = ast.If | ast.For | ast.While | ast.Try | ast.IfExp | ast.Match
    return any(isinstance(node, deciding) for node in ast.walk(tree(path)))


def has_twin(path: Path) -> bool:
    inside = path.relative_to(PACKAGE)
    return (ROOT / "tests" / "unit" / inside.parent / f"test_{inside.stem.strip('_')}.py").exists()


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_the_unit_tests_have_the_folders_of_the_package() -> None:
    unit = ROOT / "tests" / "unit"
    folders = {path.parent.relative_to(unit) for path in unit.rglob("test_*.py")}
    assert not offenders([str(folder) for folder in folders if not (PACKAGE / folder).is_dir()])


@cache
def tracked() -> list[Path]:
    told = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True)
    if told.returncode != 0:
        pytest.skip("not a git checkout")
    return [path for name in told.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def test_no_lock_file_ties_the_pins_to_an_index() -> None:
    locks = {"uv.lock", "poetry.lock", "Pipfile.lock", "pdm.lock", "pylock.toml"}
    assert not [path.name for path in tracked() if path.name in locks]


def test_no_tracked_file_knows_whose_machine_it_was_made_on() -> None:
    home = re.compile(r"(?<![\w.$}])/(?:home|Users)/[a-z]\w+/|(?<![\w.$}])/root/")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked()
        if path != Path(__file__)
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
        if home.search(line)
    ]
    assert not found, offenders(found)


def test_no_tracked_file_is_large_or_made_by_a_tool_for_itself() -> None:
    made = [
        path
        for path in tracked()
        if path.suffix in {".pyc", ".so", ".log", ".sqlite", ".rdb"} or path.name == ".coverage"
    ]
    assert not made
    assert not [path for path in tracked() if path.stat().st_size > 300_000]


def test_no_promise_is_left_for_later() -> None:
    promise = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError")
    found = [f"{place(path)}" for path in MODULES if promise.search(path.read_text("utf-8"))]
    assert not [name for name in found if "migrations" not in name], offenders(found)


MAKES_SQL = {"text", "literal_column", "SQL", "exec_driver_sql", "_statement", "TextClause"}
"""Functions that turn a string into SQL."""
TEMPLATES = {
    "adapters/postgres_sql.py": {"sql.replace('{LIVE}', LIVE)"},
    # SET takes no parameters: the schema's name is quoted by the driver, and the rest is constants.
    "adapters/postgres_transaction.py": {"begin_snapshot if snapshot else begin"},
}
"""Where a statement is not written out, but put together of constants."""
RUNS_LUA = {"eval", "evalsha", "eval_ro", "evalsha_ro", "script_load", "register_script"}


def test_statements_take_values_as_parameters_only() -> None:
    """No value can become SQL: what is made into a statement is written out, or made of constants."""
    wrong = [
        f"{place(path)}:{call.lineno} {ast.unparse(call)[:90]}"
        for path in MODULES
        if place(path).startswith(("adapters/", "local/", "simulation/", "bootstrap", "roles"))
        for call in calls(path)
        if not takes_constants(place(path), call)
    ]
    assert not wrong, offenders(wrong)


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call))


def takes_constants(where: str, call: ast.Call) -> bool:
    """Tell whether a call's statement, if it has one, owes nothing to what the program is given."""
    name = name_of(call.func)
    if not call.args or (name == "text" and isinstance(call.func, ast.Attribute)):
        return True
    first = call.args[0]
    if name in MAKES_SQL or ast.unparse(call.func) == "op.execute":
        return is_constant(first) or ast.unparse(first) in TEMPLATES.get(where, ())
    if name in {"execute", "scalar", "scalars", "stream"}:
        return not isinstance(first, ast.JoinedStr | ast.BinOp) and name_of(first) not in {"format", "join", "replace"}
    return True


def name_of(node: ast.AST) -> str:
    """Return the last word of what is named or called."""
    if isinstance(node, ast.Call):
        return name_of(node.func)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def is_constant(node: ast.AST) -> bool:
    """Tell whether this is a text written out, a constant by its name, or put together of these."""
    if isinstance(node, ast.JoinedStr):
        return all(is_constant(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return is_constant(node.value)
    return (isinstance(node, ast.Constant) and isinstance(node.value, str)) or name_of(node).isupper()


@pytest.mark.parametrize(
    "code",
    [
        "text(f'SELECT {name}')",
        "text('SELECT ' + name)",
        "text(query)",
        "text('SELECT %s' % name)",
        "sql.SQL('SELECT {}'.format(name))",
        "connection.execute(f'SELECT {NAME}')",
        "connection.execute('SELECT ' + name)",
        "op.execute(f'DROP {name}')",
    ],
)
def test_a_statement_made_of_a_value_is_found(code: str) -> None:
    (node,) = ast.parse(code).body
    assert isinstance(node, ast.Expr)
    assert isinstance(node.value, ast.Call)
    assert not takes_constants("adapters/x.py", node.value)


def test_scripts_take_values_as_arguments_only() -> None:
    """Lua is sent by two modules, the texts of the package and nothing else, and no script makes code of what it is given."""
    sent = {
        (place(path), ast.unparse(c.args[0])) for path in MODULES for c in calls(path) if name_of(c.func) in RUNS_LUA
    }
    ours, keepers = {"errand.text", "_hash(errand.text)"}, {"text", "_hash(text)"}
    assert sent == {("adapters/scripts.py", text) for text in ours} | {
        ("adapters/keeper_process.py", text) for text in keepers
    }
    made = [path.name for path in SCRIPTS if re.search(r"\b(loadstring|dofile|setfenv)\b", path.read_text("utf-8"))]
    assert not made
