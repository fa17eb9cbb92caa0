from chimera_cli.models.drill import Breach, FaultKind, Harm, RoundReport, Tally
from chimera_cli.simulation.chaos.tolls import sum_of, tolls_of


def report(number: int, *breaches: Breach, **tally: object) -> RoundReport:
    return RoundReport(
        round=number,
        seed=1,
        ok=not breaches,
        took_s=1,
        schedule=(),
        goal_id="g",
        tally=Tally.model_validate(tally),
        breaches=breaches,
    )


def breach(harm: Harm) -> Breach:
    return Breach(invariant="", subject="", text="", harm=harm)


def test_the_accounts_of_all_rounds_are_added() -> None:
    total = sum_of(
        [
            report(1, accepted=3, ended={"COMPLETED": 3}, struck={"redis": 1}),
            report(2, accepted=2, ended={"COMPLETED": 1, "FAILED": 1}, runs=4, repeated=1),
        ]
    )
    assert total == Tally(accepted=5, ended={"COMPLETED": 4, "FAILED": 1}, runs=4, repeated=1, struck={"redis": 1})
    assert total.delivered == 5


def test_a_round_with_two_faults_counts_for_both_and_one_that_never_struck_has_no_toll() -> None:
    rounds = [
        report(1, breach(Harm.LOST), breach(Harm.LOST), breach(Harm.STUCK), struck={"oom": 1, "worker": 2}),
        report(2, struck={"oom": 1}),
    ]
    tolls = tolls_of(rounds)
    assert set(tolls) == {FaultKind.OOM, FaultKind.WORKER}
    assert (tolls[FaultKind.OOM].rounds, tolls[FaultKind.OOM].broken) == (2, 1)
    assert (tolls[FaultKind.WORKER].rounds, tolls[FaultKind.WORKER].broken) == (1, 1)
    none = dict.fromkeys(Harm, 0)
    assert tolls[FaultKind.WORKER].harms == {**none, Harm.LOST: 2, Harm.STUCK: 1}
