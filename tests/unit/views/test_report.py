from chimera_cli.models.simulation import InvariantCheck, LifeLine, SimulationReport
from chimera_cli.views.report import report_view
from tests.unit.views.drawing import drawn


def a_report(**fields: object) -> SimulationReport:
    checks = (
        InvariantCheck(name="fenced", ok=True, detail="12 claims"),
        InvariantCheck(name="no task lost", ok=False, detail="2 missing"),
    )
    life = (LifeLine(at_s=1.5, who="worker-1", task="one", kind="noop", what="started"),)
    own = {"ok": False, "seed": 7, "goal_id": "g1", "stand_in": "canned answers", "lease": "2 s", "invariants": checks}
    return SimulationReport(**{**own, "figures": {"tasks": 30}, "life": life, **fields})


def test_a_report_names_what_broke_in_its_last_line() -> None:
    assert list(report_view(a_report()).lines()) == [
        "life\t1.50\tworker-1\tone\tnoop\tstarted",
        "tasks\t30",
        "invariant\tok\tfenced\t12 claims",
        "invariant\tFAIL\tno task lost\t2 missing",
        "canned answers",
        "2 s",
        "1 of 2 invariants hold (seed 7, goal g1); broken: no task lost",
    ]


def test_a_good_report_ends_with_the_verdict_and_tells_what_was_kept() -> None:
    shown = drawn(report_view(a_report(ok=True, kept="folder")))
    assert "kept: folder" in shown
    assert shown.rstrip().endswith("1 of 2 invariants hold (seed 7, goal g1)")
