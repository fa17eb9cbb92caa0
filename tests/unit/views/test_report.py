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


def test_a_screen_counts_what_a_pipe_gets_line_by_line() -> None:
    fillers = [
        LifeLine(at_s=at, who="worker-1", task=f"step-{at}", kind="sim.step", what="completed: step is at version 1")
        for at in (2, 3)
    ]
    view = report_view(a_report(life=(*a_report().life, *fillers)))
    assert "and 2 filler tasks from 2.00 to 3.00: 2 completed (each line: --json)" in " ".join(drawn(view).split())
    assert "step-2" not in drawn(view)
    assert [line for line in view.lines() if line.startswith("life\t3.00")] == [
        "life\t3.00\tworker-1\tstep-3\tsim.step\tcompleted: step is at version 1"
    ]
