from chimera_cli.models.task import TaskStatus
from chimera_cli.views.documents import dry_plan_document, goal_document, plan_document, task_document, tasks_document
from chimera_cli.views.plan import PlanTree, goal_page, goals_grid, tasks_grid
from chimera_cli.views.task import task_page
from tests.builders import GOAL, a_goal, a_spec, a_task, planned
from tests.unit.views.drawing import ESCAPE, drawn


def test_a_tree_puts_each_task_below_what_it_waits_for() -> None:
    tasks = [a_spec("c", depends_on=("b", "a")), a_spec("b", depends_on=("a",)), a_spec("a")]
    lines = drawn(PlanTree("Grow", tasks)).splitlines()
    depth = {line.split("do ")[1][0]: line.index("do ") for line in lines[1:]}
    assert depth["a"] < depth["b"] < depth["c"]
    assert "also after a" in lines[3]


def test_a_cycle_does_not_hang_the_tree() -> None:
    tasks = [a_spec("a", depends_on=("c",)), a_spec("b", depends_on=("a",)), a_spec("c", depends_on=("b",))]
    assert len(drawn(PlanTree("g", tasks)).splitlines()) == 4


def test_a_very_long_chain_is_cut_on_a_screen_and_whole_in_a_pipe() -> None:
    tasks = [a_spec(f"k{n}", depends_on=(f"k{n + 1}",) if n < 2999 else ()) for n in range(3000)]
    tree = PlanTree("g", tasks)
    assert "and 2800 more" in drawn(tree, 2000)
    assert len(tree.lines()) == 3000


def test_a_goal_from_anywhere_cannot_move_the_cursor() -> None:
    assert ESCAPE not in drawn(PlanTree("x\x1b[2J", [a_spec()]))
    assert ESCAPE not in drawn(goals_grid([a_goal().model_copy(update={"text": "x\x1b[2J"})]))


def test_the_plain_tree_has_a_line_a_task() -> None:
    assert PlanTree("g", [planned(a_task("one"))]).lines() == [f"{a_task().id}\tone\tnoop\tPENDING\tnormal\t\tdo one"]
    assert PlanTree("g", [a_spec("one")]).lines() == ["-\tone\tnoop\t-\tnormal\t\tdo one"]


def test_goals_and_tasks_keep_their_ids_at_60_columns() -> None:
    assert GOAL in drawn(goals_grid([a_goal(text="word " * 50)]), 60)
    assert a_task().id in drawn(tasks_grid([a_task(title="word " * 50)]), 60)


def test_a_goal_page_counts_its_tasks() -> None:
    goal = a_goal(counts={TaskStatus.COMPLETED: 2, TaskStatus.FAILED: 1})
    shown = drawn(goal_page(goal, [a_task()]))
    assert "2 COMPLETED, 1 FAILED" in shown
    assert "2/3" in drawn(goals_grid([goal]), 100)


def test_a_task_page_shows_payload_output_and_error() -> None:
    task = a_task(payload={"i": 1}, output="line\n\x1b[2J", error="it broke", status=TaskStatus.FAILED)
    shown = drawn(task_page(task, []))
    assert '"i": 1' in shown
    assert "it broke" in shown
    assert ESCAPE not in shown
    assert "output\t\\x1b[2J" in list(task_page(task, []).lines())


def test_documents_have_the_promised_fields() -> None:
    task = a_task()
    for plan in (plan_document(GOAL, [planned(task)]), dry_plan_document("g", [a_spec()])):
        assert plan.keys() >= {"goal_id", "tasks"}
        assert plan["tasks"][0].keys() >= {"id", "key", "kind", "title", "depends_on", "priority", "status"}
    assert tasks_document([task])["tasks"][0].keys() >= {"id", "goal_id", "key", "kind", "title", "status", "attempts"}
    goal = goal_document(a_goal(counts={TaskStatus.COMPLETED: 2}))
    assert (goal["id"], goal["text"], goal["status"], goal["counts"]) == (
        GOAL,
        "Grow on Twitter",
        "ACTIVE",
        {"COMPLETED": 2},
    )
    assert task_document(task)["payload"] == {}
