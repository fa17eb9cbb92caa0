from chimera_cli.models.drill import Breach, DrillReport, FaultKind, Harm, Moment, RoundReport, Strike, Tally, Toll
from chimera_cli.views.drill import drill_view, round_view

TALLY = Tally(accepted=5, ended={"COMPLETED": 4, "FAILED": 1}, runs=7, repeated=2, struck={"worker": 1})
STRIKES = (
    Strike(after=Moment.ACCEPTANCE, at_s=0.5, fault=FaultKind.WORKER, action="stall", target="worker-1", leases=1.5),
    Strike(
        after=Moment.ACCEPTANCE,
        at_s=0.7,
        fault=FaultKind.NETWORK,
        action="slow",
        target="judge-1 redis",
        lasts_s=0.4,
        amount=90,
    ),
)


def report(*breaches: Breach) -> RoundReport:
    return RoundReport(
        round=3,
        seed=7,
        ok=not breaches,
        took_s=4.25,
        schedule=STRIKES,
        goal_id="g",
        tally=TALLY,
        breaches=breaches,
    )


def test_a_round_is_a_line() -> None:
    assert list(round_view(report()).lines()) == [
        "round 3 of seed 7: ok in 4.2 s: 5 of 5 tasks ended, 7 runs, 2 repeated;"
        " worker stall worker-1 1.5 leases, network slow judge-1 redis 0.4 s (90)"
    ]


def test_what_broke_stands_below_its_round() -> None:
    lost = Breach(invariant="every accepted task ends", subject="count-0 4711", text="is RUNNING")
    first, second = round_view(report(lost)).lines()
    assert first.startswith("round 3 of seed 7: BROKEN in 4.2 s")
    assert second.strip() == "every accepted task ends: count-0 4711 is RUNNING"


def test_the_end_tells_the_account_and_which_rounds_broke() -> None:
    made = DrillReport(
        ok=False,
        seed=7,
        rounds=9,
        faults=(FaultKind.WORKER,),
        took_s=40.5,
        settings={},
        tally=TALLY,
        tolls={FaultKind.WORKER: Toll(rounds=9, broken=1, harms={Harm.STUCK: 2})},
        broken=(3,),
    )
    lines = list(drill_view(made).lines())
    assert "ended\t5: 4 COMPLETED, 1 FAILED" in lines
    assert "runs\t7, of these 2 repeated" in lines
    assert "worker\t9\t1\t0\t0\t2\t0\t0" in lines
    assert lines[-1] == "8 of 9 rounds hold (seed 7); broken: 3"
