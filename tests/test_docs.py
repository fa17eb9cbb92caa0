"""The documents say what is: diagrams, tables, examples and links are compared with the code."""

import ast
import re
import tomllib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from chimera_cli import exceptions
from chimera_cli.cli.app import app
from chimera_cli.cli.confirming import ConfirmationNeeded
from chimera_cli.exceptions import SwarmError
from chimera_cli.handlers.invoke import execute, merge, propose
from chimera_cli.handlers.loader import load_handlers
from chimera_cli.handlers.registry import Handler
from chimera_cli.models.epoch import StaleEpoch
from chimera_cli.models.goal import Ledger
from chimera_cli.models.plan import PlanChecker
from chimera_cli.models.queue_counts import QueueCounts
from chimera_cli.models.refusal import AccessRefused, WritesRefused
from chimera_cli.models.result import StateChange
from chimera_cli.models.snapshot import Snapshot
from chimera_cli.models.task import TRANSITIONS, Phase, TaskSpec, TaskStatus
from chimera_cli.services.pairing import ForeignStore
from chimera_cli.services.persona_file import parse_persona
from chimera_cli.services.plan_file import PlanDocument
from chimera_cli.simulation.history.checker import INVARIANTS
from chimera_cli.views.documents import queue_counts
from docs.reference import PAGES, commands
from tests.unit.handlers.worlds import LIMITS, FakeOutbox, FakeState, context

REFUSALS = AccessRefused, WritesRefused
ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES_OF_TEXT = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
ARROW = re.compile(r"^ +(\[\*\]|\w+) --> (\[\*\]|\w+)(?:: (.+))?$", re.M)


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def rows(text: str, heading: str) -> list[tuple[str, ...]]:
    """Return the rows of the first table whose heading begins with the given cell."""
    lines = iter(text.splitlines())
    next(line for line in lines if line.startswith(f"| {heading} |".replace("  ", " ")))
    next(lines)
    found = []
    for line in lines:
        if not line.startswith("|"):
            break
        found.append(tuple(cell.strip() for cell in line.strip("|").split(" | ")))
    return found


def code_blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", read(page), re.M | re.S)


def leaves() -> list[tuple[str, ...]]:
    """List the commands that do something."""
    every = commands()
    return [path for path in every if path and not any(other[:-1] == path for other in every)]


def summary(path: Sequence[str]) -> str:
    """Return the first sentence of a command's help."""
    found: Any = get_command(app)
    for name in path:
        found = found.get_command(None, name)
    return " ".join((found.help or "").split("\n\n")[0].split())


def test_the_diagram_of_task_states_has_exactly_the_legal_arrows() -> None:
    drawn = [
        (source, target)
        for source, target, _ in ARROW.findall(read("docs/task-states.md"))
        if "[*]" not in (source, target)
    ]
    legal = {(source.value, target.value) for source, targets in TRANSITIONS.items() for target in targets}
    assert set(drawn) == legal
    assert len(drawn) == len(legal), "an arrow is drawn twice"


def test_every_arrow_of_the_diagram_has_a_cause() -> None:
    arrows = ARROW.findall(read("docs/task-states.md"))
    assert [arrow for arrow in arrows if not arrow[2]] == []


def test_the_diagram_begins_and_ends_where_tasks_do() -> None:
    arrows = ARROW.findall(read("docs/task-states.md"))
    assert [target for source, target, _ in arrows if source == "[*]"] == [TaskStatus.PENDING]
    assert {source for source, target, _ in arrows if target == "[*]"} == {
        status for status in TaskStatus if status.terminal
    }


@pytest.mark.parametrize("page", sorted(PAGES))
def test_a_generated_page_is_as_new_as_the_program(page: str) -> None:
    assert (DOCS / page).read_text("utf-8") == PAGES[page](), "run: make docs"


def test_the_readme_lists_every_command_with_what_it_does() -> None:
    listed = rows(read("README.md"), "command")
    assert listed == [(f"`chimera {' '.join(path)}`", summary(path)) for path in leaves()]


def test_every_command_of_the_documents_exists() -> None:
    words = {" ".join(path) for path in commands()}
    for page in PAGES_OF_TEXT:
        for line in re.findall(r"^\$ chimera ([a-z]+(?: [a-z]+)?)", page.read_text("utf-8"), re.M):
            assert line in words or line.split()[0] in words, f"{page.name}: chimera {line}"


def test_every_command_that_a_hint_names_exists() -> None:
    every = {" ".join(path) for path in commands()}
    single = {path[0] for path in leaves() if len(path) == 1}
    for path in (ROOT / "chimera_cli").rglob("*.py"):
        for hint in hints(ast.parse(path.read_text("utf-8"))):
            for words in re.findall(r"(?:^|: |then )chimera ([a-z]+(?: [a-z]+)?)", hint):
                assert words in every or words.split()[0] in single, f"{path.name}: chimera {words}"


def hints(tree: ast.AST) -> Iterator[str]:
    """Find the constant parts of everything that is passed on, or kept, as a hint."""
    for node in ast.walk(tree):
        named = [node.arg] if isinstance(node, ast.keyword) else []
        if isinstance(node, ast.Assign):
            named = [target.id for target in node.targets if isinstance(target, ast.Name)]
        if any(name and name.lower().endswith(("hint", "mend")) for name in named):
            yield from (str(part.value) for part in ast.walk(node.value) if isinstance(part, ast.Constant))


def test_every_exit_code_is_explained_in_the_words_of_the_code() -> None:
    source = read("chimera_cli/exceptions.py")
    constants = dict(re.findall(r"^EXIT_\w+ = (\d+)  # (.+)$", source, re.M))
    table = {code: meaning for code, meaning in rows(read("docs/exit-codes.md"), "code")}
    assert set(table) == {*constants, "0", "129", "130", "143"}
    assert {code: table[code] for code in constants} == constants


def test_every_error_is_listed_with_its_code_and_exit() -> None:
    _, _, text = read("docs/exit-codes.md").partition("## Errors by name")
    known = {
        (error.code, str(error.exit_code), error.__name__, "yes" if error.retryable else "no")
        for error in (*vars(exceptions).values(), ConfirmationNeeded, ForeignStore, StaleEpoch, *REFUSALS)
        if isinstance(error, type) and issubclass(error, SwarmError)
    }
    listed = rows(text, "code")
    assert set(listed) == known
    assert len(listed) == len(known)


def test_the_readme_names_every_exit_code() -> None:
    _, _, said = read("README.md").partition("## Exit codes")
    told = set(re.findall(r"\b\d{1,3}\b", said.partition("[More]")[0]))
    assert told == {code for code, _ in rows(read("docs/exit-codes.md"), "code")}


def test_the_floors_are_those_that_the_linter_checks() -> None:
    contracts = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    told = [re.findall(r"`(\w+)`", floor) for floor, _ in rows(read("docs/architecture.md"), "floor")]
    assert told == [layer.split(" | ") for layer in layers]


def test_every_test_that_a_document_names_exists() -> None:
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    for page in PAGES_OF_TEXT:
        for name in re.findall(r"`(test_\w+)`", page.read_text("utf-8")):
            assert f"def {name}(" in code, f"{page.name}: {name}"


def test_the_ten_invariants_are_told_in_the_words_of_the_checker() -> None:
    told = rows(read("docs/reliability.md").partition("## Ten invariants")[2], "")
    assert told == [(str(one.number), one.sentence, one.unseen) for one in INVARIANTS]


def test_each_of_the_fifteen_failures_names_the_tests_that_prove_it() -> None:
    told = rows(read("docs/reliability.md").partition("## Fifteen failures")[2], "")
    assert [row[0] for row in told] == [str(number) for number in range(1, 16)]
    assert [row[0] for row in told if not re.search(r"`test_\w+`", row[-1])] == []


def test_every_file_that_a_document_names_exists() -> None:
    for page in PAGES_OF_TEXT:
        for name in re.findall(
            r"`((?:chimera_cli|tests|docs|adapters|agents|models|services)/[\w./]+)`", page.read_text("utf-8")
        ):
            assert (ROOT / name).exists() or (ROOT / "chimera_cli" / name).exists(), f"{page.name}: {name}"
        for name in re.findall(r"`(\w+\.lua)`", page.read_text("utf-8")):
            assert (ROOT / "chimera_cli" / "adapters" / "lua" / name).exists(), f"{page.name}: {name}"


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES_OF_TEXT:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
            yield page, target


def test_every_relative_link_leads_somewhere() -> None:
    for page, target in links():
        if "://" not in target:
            path, _, anchor = target.partition("#")
            found = (page.parent / path).resolve() if path else page
            assert found.exists(), f"{page.relative_to(ROOT)}: {target}"
            assert not anchor or anchor in anchors(found), f"{page.relative_to(ROOT)}: {target}"


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


def test_every_page_is_reached_by_a_link() -> None:
    reached = {(page.parent / target.partition("#")[0]).resolve() for page, target in links() if "://" not in target}
    for page in DOCS.glob("*.md"):
        assert page in reached, f"nobody links to {page.name}"


def test_the_decisions_are_numbered_without_gaps_and_short() -> None:
    pages = sorted((DOCS / "adr").glob("*.md"))
    numbers = [page.name[:4] for page in pages]
    assert numbers == [f"{number:04}" for number in range(1, len(pages) + 1)]
    for page in pages:
        text = page.read_text("utf-8")
        assert text.startswith(f"# {page.name[:4]}: "), page.name
        assert [part for part in ("**Question.**", "**Decision.**", "**Consequences.**") if part not in text] == [], (
            page.name
        )
        assert len(text.splitlines()) <= 25, page.name


def test_the_picture_shows_the_board_as_it_is_drawn_now() -> None:
    """An old picture misses a queue or a column; `make picture` draws it anew."""
    picture = read("docs/board.svg")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    snapshot = Snapshot(at=now, fleet=(), queues=QueueCounts(), to_review=0, ledger=Ledger())
    words = [*queue_counts(snapshot), *Ledger.model_fields, "Fleet", "alive", "busy"]
    assert [word for word in words if word not in picture] == []
    assert "@font-face" not in picture


def test_every_tier_of_tests_is_described() -> None:
    told = re.findall(r"`tests/(\w+)/`", " ".join(where for where, _ in rows(read("CONTRIBUTING.md"), "where")))
    tiers = {path.relative_to(ROOT / "tests").parts[0] for path in (ROOT / "tests").rglob("test_*.py")}
    assert set(told) == {tier for tier in tiers if not tier.endswith(".py")}


def test_every_target_of_make_that_a_document_names_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.M))
    for page in PAGES_OF_TEXT:
        named = set(re.findall(r"(?:`|^\$ )make ([a-z]+)", page.read_text("utf-8"), re.M))
        assert named <= targets, f"{page.name}: {named - targets}"


def test_every_status_and_phase_is_in_the_words_of_the_diagram() -> None:
    text = read("docs/task-states.md")
    assert [status for status in TaskStatus if status not in text] == []
    assert [phase for phase in Phase if f"`{phase}`" not in text] == []


def test_the_changelog_keeps_its_form() -> None:
    heads = re.findall(r"^## \[(.+?)\]", read("CHANGELOG.md"), re.M)
    assert heads[0] == "Unreleased"


def handlers_of(block: str, folder: Path) -> list[Handler]:
    file = folder / "my_kinds.py"
    file.write_text(block, encoding="utf-8")
    return [item for item in load_handlers([str(file)]) if item.kind.split(".")[0] not in {"trend", "content"}]


async def test_the_first_example_of_a_handler_runs(tmp_path: Path) -> None:
    (item,) = handlers_of(code_blocks("docs/handlers.md", "python")[0], tmp_path)
    ctx = context(item, {"i": 2}, state=FakeState({"calendar": ([1], 1)}))
    result = await propose(item, ctx, LIMITS)
    assert not item.judged
    assert result.output == {"i": 2}
    assert result.changes == (StateChange(key="calendar", expected=1, value=[1, 2]),)


async def test_the_example_with_phases_proposes_executes_and_merges(tmp_path: Path) -> None:
    (item,) = handlers_of(code_blocks("docs/handlers.md", "python")[1], tmp_path)
    outbox, payload = FakeOutbox(), {"text": "hello"}
    proposed = await propose(item, context(item, payload, state=FakeState({"sent": (4, 1)})), LIMITS)
    assert (proposed.output, proposed.review_always, proposed.executes) == ({"text": "hello"}, True, True)
    assert proposed.changes == (StateChange(key="sent", expected=1, value=5),)
    merging = context(item, payload, state=FakeState({"sent": (7, 2)}), outbox=outbox, changes=proposed.changes)
    merged = await merge(item, merging, proposed.output, LIMITS)
    assert merged.changes == (StateChange(key="sent", expected=2, value=8),)
    done = await execute(item, merging, proposed.output, LIMITS)
    assert done.output == {"sent": True}
    assert outbox.stored == {merging.idempotency_key: {"text": "hello"}}


async def test_the_example_of_the_readme_runs(tmp_path: Path) -> None:
    (item,) = handlers_of(code_blocks("README.md", "python")[0], tmp_path)
    result = await propose(item, context(item, {"text": "hello"}), LIMITS)
    assert result.output == "HELLO"


def test_the_plan_beside_the_first_example_fits_its_handler(tmp_path: Path) -> None:
    from chimera_cli.services.plan_file import check_tasks, tasks_in_lines

    (item,) = handlers_of(code_blocks("docs/handlers.md", "python")[0], tmp_path)
    lines = [line for line in code_blocks("docs/handlers.md", "console")[0].splitlines() if line.startswith("{")]
    assert check_tasks(tasks_in_lines(lines), {item.kind: item.payload}, datetime(2026, 1, 1, tzinfo=UTC)) == 2


def test_the_examples_of_plans_and_personas_are_taken() -> None:
    whole, line = code_blocks("docs/plans.md", "json")
    kinds = load_handlers([]).kinds()
    checker = PlanChecker(kinds, datetime.now(UTC))
    for place, spec in PlanDocument(whole).tasks():
        checker.add(spec, place)
    assert checker.finish() == []
    assert TaskSpec.model_validate_json(line).kind in kinds
    persona = parse_persona(code_blocks("docs/plans.md", "markdown")[0], "ana.md")
    assert (persona.name, len(persona.directives)) == ("Ana", 2)


def test_every_field_of_a_task_and_every_built_in_kind_is_explained() -> None:
    text = read("docs/plans.md")
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.M)) == set(TaskSpec.model_fields)
    for kind, payload in load_handlers([]).kinds().items():
        (row,) = re.findall(rf"^\| `{re.escape(kind)}` \| (.*) \|$", text, re.M)
        assert payload is not None
        assert set(re.findall(r"`(\w+)`", row)) >= set(payload.model_fields)
