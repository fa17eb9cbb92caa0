from types import SimpleNamespace

from chimera_cli.models.check import Check
from chimera_cli.views.doctor import CheckList
from chimera_cli.views.report import report_view
from chimera_cli.views.stack import stack_document, stack_grid
from tests.unit.views.drawing import drawn

GOOD = Check(name="redis", ok=True, detail="reachable")
BAD = Check(name="schema", ok=False, detail="empty", mend="chimera db migrate")


def test_a_failed_check_comes_with_its_cure() -> None:
    lines = drawn(CheckList([GOOD, BAD])).splitlines()
    assert lines[0].startswith("ok    redis")
    assert lines[1].startswith("FAIL  schema")
    assert lines[2].strip() == "mend: chimera db migrate"
    assert CheckList([GOOD, BAD]).lines() == ["ok\tredis\treachable\t", "fail\tschema\tempty\tchimera db migrate"]


def test_a_report_names_each_invariant_and_the_verdict() -> None:
    broken = SimpleNamespace(name="no task lost", ok=False, detail="2 missing")
    held = SimpleNamespace(name="fenced", ok=True, detail="12 claims")
    report = SimpleNamespace(ok=False, seed=7, goal_id="g", invariants=[held, broken], figures={"tasks": 30})
    lines = list(report_view(report).lines())
    assert lines == [
        "tasks\t30",
        "ok\tfenced\t12 claims",
        "FAIL\tno task lost\t2 missing",
        "1 of 2 invariants hold (seed 7, goal g)",
    ]


def test_local_servers_are_listed_with_their_ports() -> None:
    server = SimpleNamespace(name="Redis", state="running", pid=7, port=6379)
    assert list(stack_grid([server]).lines()) == ["Redis\trunning\t7\t6379"]
    assert stack_document([server], ["Redis"])["started"] == ["Redis"]
