from chimera_cli.handlers.loader import load_handlers
from chimera_cli.services.plan_file import check_tasks
from chimera_cli.simulation.extra_tasks import HOSTAGE, MODULE, TALLIES, extra_tasks
from tests.builders import NOON


def test_the_same_seed_gives_the_same_tasks_and_another_one_others() -> None:
    assert extra_tasks(20, 7) == extra_tasks(20, 7)
    assert extra_tasks(20, 7) != extra_tasks(20, 8)


def test_the_tasks_are_a_plan_that_the_checker_accepts() -> None:
    made = extra_tasks(50, 7)
    assert check_tasks(((task.key, task) for task in made), load_handlers([MODULE]).kinds(), NOON) == len(made)


def test_fillers_come_on_top_of_the_storys_own_tasks() -> None:
    made = extra_tasks(3, 7)
    assert [task.key for task in made if task.kind == "sim.step"] == ["step-1", "step-2", "step-3"]
    assert len(made) == 3 + TALLIES + 2
    assert made[0].key == HOSTAGE


def test_no_tally_can_meet_more_conflicts_than_a_worker_allows() -> None:
    from chimera_cli.models.policy import WorkerPolicy

    assert TALLIES - 1 <= WorkerPolicy().max_conflicts
