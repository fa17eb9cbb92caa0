from datetime import UTC, datetime

from chimera_cli.handlers.loader import load_handlers
from chimera_cli.models.plan import PlanChecker
from chimera_cli.simulation.chaos.workload import MODULE, POISON_EVERY, workload


def test_the_same_seed_and_round_give_the_same_work() -> None:
    assert workload(7, 3) == workload(7, 3)
    assert workload(7, 3) != workload(7, 4)


def test_the_work_of_every_round_is_a_plan_that_is_accepted() -> None:
    kinds = load_handlers([MODULE]).kinds()
    for number in range(1, 50):
        checker = PlanChecker(kinds, datetime.now(UTC))
        for spec in workload(7, number):
            checker.add(spec)
        assert checker.finish() == []


def test_every_kind_of_trouble_is_in_it() -> None:
    kinds = {spec.kind for number in range(1, POISON_EVERY) for spec in workload(7, number)}
    assert kinds == {
        *("drill.count", "drill.sleep", "drill.thread", "drill.flaky", "drill.merge", "drill.post", "drill.publish"),
        *("drill.poison", "content.draft"),
    }


def test_a_poison_comes_now_and_then() -> None:
    rounds = [n for n in range(1, 2 * POISON_EVERY) if any(s.kind == "drill.poison" for s in workload(7, n))]
    assert len(rounds) == 2
