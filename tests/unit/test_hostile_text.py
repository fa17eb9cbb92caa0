"""Whatever text comes in, from a model, a task, a handler or a stranger in Redis: no line is forged, no terminal steered."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from importlib import import_module
from io import StringIO
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings

from chimera_cli import views
from chimera_cli.adapters.logging import LogTelemetry
from chimera_cli.exceptions import LLMError, SwarmError
from chimera_cli.models.agent import AgentStatus, FleetMember, Liveness, Role
from chimera_cli.models.audit import AuditEvent, AuditReport
from chimera_cli.models.check import Check
from chimera_cli.models.drill import Breach, DrillReport, FaultKind, Moment, RoundReport, Strike, Tally
from chimera_cli.models.event import TaskEvent
from chimera_cli.models.gate import Finding
from chimera_cli.models.goal import Ledger
from chimera_cli.models.order import Order, OrderAction
from chimera_cli.models.post import Post
from chimera_cli.models.queue_counts import QueueCounts
from chimera_cli.models.recovery import Loss, Recovery
from chimera_cli.models.review import CardStatus
from chimera_cli.models.server import ServerStatus
from chimera_cli.models.simulation import InvariantCheck, LifeLine, SimulationReport
from chimera_cli.models.snapshot import Snapshot
from chimera_cli.models.task import Phase, TaskStatus
from chimera_cli.models.telemetry import Level, TelemetryEvent
from chimera_cli.models.verdict import CriterionScore
from chimera_cli.views import audit, doctor, drill, order, outbox, plan, report, review, shown, stack, swarm, task
from chimera_cli.views.shown import Cell, Column, Facts, Grid, Shown, Stack, Words
from tests.builders import GOAL, NOON, a_card, a_goal, a_judgement, a_spec, a_task, planned
from tests.hostile import COLOURS, PIECES, TEXTS, offending, poisoned
from tests.unit.cli.fakes import FakeBackend, FakeSwarm, run, settle
from tests.unit.views.drawing import drawn

MEMBER = FleetMember(
    id="a",
    process="p",
    role=Role.WORKER,
    state=AgentStatus.BUSY,
    liveness=Liveness.LATE,
    task_id="t",
    beat_age=timedelta(),
)
SNAPSHOT = Snapshot(
    at=NOON,
    recovery=Recovery(at=NOON, shard=0, cause=Loss.EMPTIED, dispatched=1),
    paused=(a_goal(paused_at=NOON, paused_by="o"),),
    fleet=(MEMBER, MEMBER),
    queues=QueueCounts(),
    to_review=1,
    oldest_card_at=NOON,
    ledger=Ledger(),
)
FINDING = Finding(rule="r", where="output", span=(1, 4), excerpt="x", message="m")
SCORE = CriterionScore(criterion="c", quote="q", reason="r", score=2)
TASK = a_task(output={"a": ["b"]}, payload={"k": "v"}, error="e", status=TaskStatus.FAILED, depends_on=("x", "y"))
EVENT = TaskEvent(
    shard=0,
    entry_id="1-1",
    at=NOON,
    name="task.failed",
    task_id="t",
    goal_id=GOAL,
    status=TaskStatus.FAILED,
    phase=Phase.PROPOSE,
    version=1,
    generation=1,
    attempts=1,
    agent="a",
    error="e",
)
ROW = AuditEvent(
    seq=1,
    at=NOON,
    operator="o",
    action="approve",
    card_id="c",
    task_id="t",
    digest="d",
    reason="r",
    prev_hash="p",
    hash="h",
)
RUN = SimulationReport(
    ok=False,
    seed=1,
    goal_id="g",
    stand_in="s",
    lease="l",
    kept="k",
    invariants=(InvariantCheck(name="n", ok=False, detail="d"),),
    figures={"f": "v"},
    life=(
        LifeLine(at_s=1, who="w", task="t", kind="k", what="x"),
        LifeLine(at_s=2, who="w", kind="sim.step", what="y"),
    ),
)

STRIKE = Strike(after=next(iter(Moment)), at_s=1, fault=next(iter(FaultKind)), action="a", target="t")
TALLY = Tally(accepted=2, ended={"e": 1}, struck={"s": 1})
ROUND = RoundReport(
    round=1,
    seed=1,
    ok=False,
    took_s=1,
    schedule=(STRIKE,),
    goal_id="g",
    tally=TALLY,
    breaches=(Breach(invariant="i", subject="s", text="t"),),
)
DRILL = DrillReport(
    ok=False, seed=1, rounds=1, faults=(), took_s=1, settings={"s": "s"}, tally=TALLY, broken=(1,), kept="k"
)
ORDER = Order(
    seq=1,
    at=NOON,
    action=OrderAction.CANCEL,
    goal_id="g",
    task_id="t",
    operator="o",
    reason="r",
    done_at=NOON,
    note="n",
)


def a_full_card(text: str) -> Any:
    judged = a_judgement()
    verdict = judged.verdict.model_copy(update={"scores": (SCORE,), "vetoed": ("v",)})
    decision = judged.decision.model_copy(
        update={"findings": (FINDING, FINDING.model_copy(update={"where": "payload"}))}
    )
    judgement = judged.model_copy(update={"verdict": verdict, "decision": decision})
    card = a_card(TASK, 1, status=CardStatus.REJECTED).model_copy(update={"judgement": judgement, "note": "n"})
    return poisoned(card, text)


POST = Post(idempotency_key=f"{TASK.id}:execute", platform="twitter", post={"text": "hello"}, at=NOON)
VIEWS: Mapping[str, Callable[[str], Shown]] = {
    "audit.audit_grid": lambda text: audit.audit_grid([poisoned(ROW, text)]),
    "audit.report_facts": lambda text: audit.report_facts(
        AuditReport(rows=1, head=text, first_broken=1, noted_found=False)
    ),
    "doctor.CheckList": lambda text: doctor.CheckList([Check(name=text, ok=False, detail=text, mend=text)]),
    "drill.round_view": lambda text: drill.round_view(poisoned(ROUND, text)),
    "drill.drill_view": lambda text: drill.drill_view(poisoned(DRILL, text)),
    "drill.verdict": lambda text: drill.verdict(poisoned(DRILL, text)),
    "order.orders_grid": lambda text: order.orders_grid([poisoned(ORDER, text)], mark="order"),
    "outbox.posts_grid": lambda text: outbox.posts_grid([poisoned(POST, text)]),
    "outbox.post_page": lambda text: outbox.post_page(poisoned(POST, text)),
    "plan.PlanTree": lambda text: plan.PlanTree(
        text,
        [poisoned(a_spec(), text), planned(poisoned(TASK, text)), planned(TASK.model_copy(update={"title": text}))],
    ),
    "plan.goals_grid": lambda text: plan.goals_grid([poisoned(a_goal(), text)]),
    "plan.goal_page": lambda text: plan.goal_page(poisoned(a_goal(), text), [poisoned(TASK, text)]),
    "plan.tasks_grid": lambda text: plan.tasks_grid([poisoned(TASK, text)]),
    "report.report_view": lambda text: report.report_view(poisoned(RUN, text)),
    "report.verdict": lambda text: report.verdict(poisoned(RUN, text)),
    "report.Life": lambda text: report.Life([poisoned(line, text) for line in RUN.life]),
    "review.cards_grid": lambda text: review.cards_grid([a_full_card(text)], NOON),
    "review.card_page": lambda text: review.card_page(a_full_card(text), NOON),
    "review.card_facts": lambda text: review.card_facts(a_full_card(text), NOON),
    "review.MarkedText": lambda text: review.MarkedText("content", {text: [text]}, [FINDING]),
    "review.findings_grid": lambda text: review.findings_grid([poisoned(FINDING, text)]),
    "review.scores_grid": lambda text: review.scores_grid(a_full_card(text)),
    "shown.Facts": lambda text: Facts([("name", text), ("styled", Cell(text, "red"))]),
    "shown.Grid": lambda text: Grid(
        "title", (Column("one"), Column("two", whole=True)), [(text, Cell(text))], mark="m"
    ),
    "shown.Stack": lambda text: Stack([Words(text), Words(text)]),
    "shown.Words": lambda text: Words(text),
    "stack.stack_grid": lambda text: stack.stack_grid([ServerStatus(name=text, state="stuck", pid=None, port=1)]),
    "swarm.board": lambda text: swarm.board(poisoned(SNAPSHOT, text)),
    "swarm.fleet_summary": lambda text: swarm.fleet_summary(poisoned(SNAPSHOT, text)),
    "swarm.fleet_grid": lambda text: swarm.fleet_grid([poisoned(MEMBER, text)], 5),
    "swarm.paused_grid": lambda text: swarm.paused_grid(poisoned(SNAPSHOT, text)),
    "swarm.recovery_facts": lambda text: swarm.recovery_facts(poisoned(SNAPSHOT, text)),
    "swarm.outbox_facts": lambda text: swarm.outbox_facts(poisoned(SNAPSHOT, text)),
    "swarm.stalled_facts": lambda text: swarm.stalled_facts(poisoned(SNAPSHOT, text)),
    "swarm.unserved_facts": lambda text: swarm.unserved_facts(poisoned(SNAPSHOT, text)),
    "swarm.queues_grid": lambda text: swarm.queues_grid(poisoned(SNAPSHOT, text)),
    "swarm.ledger_facts": lambda text: swarm.ledger_facts(poisoned(SNAPSHOT, text)),
    "task.task_page": lambda text: task.task_page(poisoned(TASK, text), [poisoned(EVENT, text)]),
    "task.history_grid": lambda text: task.history_grid([poisoned(EVENT, text)]),
}
"""Every view, full of one text."""

ALL = "".join(PIECES)
FEW = settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def every_piece(test: Any) -> Any:
    """Try all that is known to be bad by itself, besides what hypothesis thinks of."""
    for piece in PIECES:
        test = example(text=piece)(test)
    return test


def view_names() -> Iterator[str]:
    for found in iter_modules(views.__path__):
        module = import_module(f"{views.__name__}.{found.name}")
        yield from (f"{found.name}.{name}" for name, item in own(module) if shows(item))


def own(module: ModuleType) -> Iterator[tuple[str, Any]]:
    for name, item in vars(module).items():
        if getattr(item, "__module__", "") == module.__name__ and not name.startswith("_"):
            yield name, item


def shows(item: Any) -> bool:
    """Tell whether this is a view, or a function that makes one."""
    if isinstance(item, type):
        return item is not shown.Shown and hasattr(item, "drawn") and hasattr(item, "lines")
    return getattr(item, "__annotations__", {}).get("return") in {Shown, Grid, Facts, Stack, Words}


def test_every_view_is_tried() -> None:
    assert set(view_names()) == set(VIEWS)


@pytest.mark.parametrize("name", VIEWS)
@example(text=ALL)
@settings(max_examples=15, deadline=None)
@given(text=TEXTS)
def test_no_view_lets_a_text_steer_the_terminal_or_break_out_of_its_line(name: str, text: str) -> None:
    view = VIEWS[name](text)
    lines = list(view.lines())
    assert [offending(line.replace("\t", "")) for line in lines] == [[]] * len(lines)
    # As many records, and as many fields, as with a harmless text; a block of text has a line for each of its own.
    if name not in {"review.MarkedText", "review.card_page", "task.task_page", "outbox.post_page"}:
        assert [line.count("\t") for line in lines] == [line.count("\t") for line in VIEWS[name]("plain").lines()]
    for width in (60, 200):
        screen = COLOURS.sub("", drawn(view, width, colour=True))
        assert offending(screen.replace("\n", "")) == []


def full_swarm(text: str) -> FakeSwarm:
    known = FakeSwarm()
    known.goals_by_id[GOAL] = poisoned(a_goal(), text).model_copy(update={"id": GOAL})
    known.tasks_by_id[TASK.id] = poisoned(TASK, text).model_copy(update={"id": TASK.id, "goal_id": GOAL})
    for letter, status in (("c", CardStatus.PENDING), ("d", CardStatus.PENDING), ("e", CardStatus.APPROVED)):
        card = a_full_card(text).model_copy(update={"id": letter * 20, "status": status, "decided_by": text})
        known.cards_by_id[card.id] = card
    known.rows = [poisoned(ROW, text)]
    known.late = text
    return known


COMMANDS = (
    ("goals", "list"),
    ("goals", "show", GOAL),
    ("tasks", "list"),
    ("tasks", "show", TASK.id),
    ("review", "list", "--status", "any"),
    ("review", "show", "cccc"),
    ("review", "approve", "cccc", "eeee"),
    ("review", "reject", "dddd", "--reason", "no"),
    ("audit", "list"),
    ("audit", "export"),
    ("audit", "verify"),
    ("status",),
    ("plan", "a goal"),
)
"""Commands that show what others wrote."""


@pytest.mark.parametrize("form", [(), ("--json",), ("--color", "always")], ids=["piped", "json", "drawn"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@example(text=ALL)
@FEW
@given(text=TEXTS)
def test_no_command_lets_a_stored_text_steer_the_terminal(
    command: tuple[str, ...], form: tuple[str, ...], text: str, cli_folder: Path
) -> None:
    ended = run(*command, *form, backend=FakeBackend(full_swarm(text)))
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    assert_harmless(ended.stdout, ended.stderr)


@pytest.mark.parametrize("form", [(), ("--json",), ("--debug",)], ids=["plain", "json", "debug"])
@example(text=ALL)
@FEW
@given(text=TEXTS)
def test_no_error_forges_a_line_or_steers_the_terminal(form: tuple[str, ...], text: str, cli_folder: Path) -> None:
    for error in (SwarmError(text, hint=text), LLMError(text), RuntimeError(text), KeyError(text)):
        ended = run("goals", "list", *form, backend=FakeBackend(error=error))
        assert_harmless(ended.stdout, ended.stderr)
        if not form:
            said = [line for line in ended.stderr.split("\n") if line]
            assert len(said) <= 2
            assert said[0].startswith("error: ")
            assert all(line.startswith("hint: ") for line in said[1:])


@pytest.mark.parametrize(
    "command",
    [
        ("goals", "show", "{}"),
        ("goals", "list", "--status", "{}"),
        ("review", "approve", "{}"),
        ("review", "approve", "cccc", "--as", "{}"),
        ("audit", "list", "--since", "{}"),
        ("audit", "verify", "--head", "{}"),
        ("plan", "{}"),
        ("plan", "--file", "{}"),
        ("plan", "x", "--deadline", "{}"),
        ("worker", "--drain-timeout", "{}"),
        ("{}",),
        ("goals", "{}"),
        ("goals", "list", "--{}"),
    ],
    ids=" ".join,
)
@example(text=ALL)
@FEW
@given(text=TEXTS)
def test_no_argument_forges_a_line_or_steers_the_terminal(
    command: tuple[str, ...], text: str, cli_folder: Path
) -> None:
    ended = run(*(word.replace("{}", text) for word in command), backend=FakeBackend(full_swarm("plain")))
    assert_harmless(ended.stdout, ended.stderr)


@pytest.fixture
def cli_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    settle(tmp_path)
    return tmp_path


def assert_harmless(out: str, err: str) -> None:
    for said in (out, err):
        assert offending(COLOURS.sub("", said).replace("\n", "").replace("\t", "")) == [], said
    assert "\x1b" not in err


@every_piece
@settings(max_examples=200, deadline=None)
@given(text=TEXTS)
def test_a_log_line_is_one_line_whatever_the_event_holds(text: str) -> None:
    stream = StringIO()
    log = LogTelemetry(stream, now=lambda: NOON)
    fields = {text: text, "deep": [{text: [text]}], "trace": f"Traceback\n  {text}"}
    log.emit(TelemetryEvent(name=text, level=Level.WARN, source=text, message=text, fields=fields))
    log.emit(TelemetryEvent(name="n", level=Level.WARN, source="s", message="m"))
    first, second, end = stream.getvalue().split("\n")
    assert end == ""
    assert offending(first) == []
    prefix, at, level, _source, rest = first.split(" ", 4)
    assert (prefix, at, level) == ("[MCP-LOG]", "2026-01-01T12:00:00.000Z", "WARN")
    # Half of a character is no JSON that every parser reads, and is written as the text of its escape.
    assert json.loads(rest[rest.index("{") :])["event"] == text.encode(errors="backslashreplace").decode()
    assert second.startswith("[MCP-LOG] 2026-01-01T12:00:00.000Z WARN s m {")
