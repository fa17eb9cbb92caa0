"""A plan as a tree of what waits for what; goals and tasks as tables."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from chimera_cli.models.goal import Goal
from chimera_cli.models.order import Order
from chimera_cli.models.task import PlannedTask, Task, TaskSpec, TaskStatus
from chimera_cli.services.plain_text import one_line
from chimera_cli.views.order import orders_grid
from chimera_cli.views.shown import Cell, Column, Facts, Grid, Shown, Stack, moment
from chimera_cli.views.theme import EFFECT, STATUS, WAITING

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

Planned = TaskSpec | PlannedTask
"""A task before it is stored, or after."""
SHOWN_TASKS = 200
"""Tasks of a drawn tree; a longer plan is counted. The plain face lists them all."""

_TASKS = (
    Column("task", whole=True),
    Column("key"),
    Column("kind", spare=1),
    Column("status", whole=True),
    Column("tries", number=True, spare=2),
    Column("goal", whole=True, spare=4),
    Column("title", spare=3),
    Column("effect", spare=5),
)
_GOALS = (
    Column("goal", whole=True),
    Column("status", whole=True),
    Column("done", number=True),
    Column("created", whole=True, spare=1),
    Column("text"),
)


class PlanTree:
    """Both faces of a plan."""

    def __init__(self, goal: str, tasks: Sequence[Planned]) -> None:
        self._goal = goal
        self._tasks = tasks

    def drawn(self) -> "RenderableType":
        """Draw each task below the first task it depends on, and name its other dependencies."""
        from rich.text import Text
        from rich.tree import Tree

        tree = Tree(Text(one_line(self._goal), style="bold"), guide_style="dim")
        branches: dict[str, Tree] = {}
        shown = _parents_first(self._tasks)[:SHOWN_TASKS]
        for task in shown:
            above = next((branches[key] for key in task.depends_on if key in branches), tree)
            branches[task.key] = above.add(_leaf(task))
        if len(self._tasks) > len(shown):
            tree.add(Text(f"and {len(self._tasks) - len(shown)} more", style="dim"))
        return tree

    def lines(self) -> list[str]:
        """Write id (a dash before submission), key, kind, status, priority, dependencies and title."""
        return ["\t".join(map(one_line, _fields(task))) for task in self._tasks]


def _leaf(task: Planned) -> "Text":
    from rich.text import Text

    text = Text(one_line(task.key), style="bold")
    text.append(f"  {one_line(task.kind)}", style="cyan")
    text.append(f"  {one_line(task.title)}", style="not bold")
    if isinstance(task, PlannedTask):
        text.append(f"  {task.status}", style=STATUS.get(task.status, ""))
    if len(task.depends_on) > 1:
        text.append(f"  (also after {', '.join(map(one_line, task.depends_on[1:]))})", style="dim not bold")
    return text


def _fields(task: Planned) -> tuple[str, ...]:
    id, status = (task.id, str(task.status)) if isinstance(task, PlannedTask) else ("-", "-")
    return (id, task.key, task.kind, status, task.priority, ",".join(task.depends_on), task.title)


def _parents_first(tasks: Sequence[Planned]) -> list[Planned]:
    """Order tasks so that dependencies come before what depends on them; the order is kept otherwise."""
    by_key: Mapping[str, Planned] = {task.key: task for task in tasks}
    placed: dict[str, Planned] = {}
    for task in tasks:
        # An explicit stack: a chain of 100,000 tasks would exhaust Python's own. A dict, for a cycle must not hang it.
        path = {task.key: task}
        while path:
            last = next(reversed(path))
            need = next(
                (key for key in path[last].depends_on if key in by_key and not (key in placed or key in path)), None
            )
            if need is None:
                placed.setdefault(last, path.pop(last))
            else:
                path[need] = by_key[need]
    return list(placed.values())


def goals_grid(goals: Sequence[Goal]) -> Grid:
    """List goals."""
    rows = [
        (
            goal.id,
            _goal_status(goal),
            f"{goal.counts.get(TaskStatus.COMPLETED, 0)}/{sum(goal.counts.values())}",
            moment(goal.created_at),
            goal.text,
        )
        for goal in goals
    ]
    return Grid("", _GOALS, rows, empty="no goals; make one with: chimera plan GOAL")


def goal_page(goal: Goal, tasks: Sequence[Task], orders: Sequence[Order] = ()) -> Shown:
    """Show a goal with its tasks."""
    counts = ", ".join(f"{count} {status}" for status, count in goal.counts.items())
    facts = Facts(
        [
            ("goal", goal.id),
            ("text", goal.text),
            ("status", _goal_status(goal)),
            *([("paused", _since(goal.paused_by, goal.paused_at))] if goal.paused_at else []),
            *([("cancelled", _since(goal.cancelled_by, goal.cancelled_at))] if goal.cancelled_at else []),
            ("tasks", counts or "none"),
            ("replans", f"{goal.replans} of {goal.max_replans}"),
            ("persona", goal.persona.name if goal.persona else "-"),
            ("created", moment(goal.created_at)),
            ("finished", moment(goal.finished_at)),
        ]
    )
    told = [orders_grid(orders, "Orders", mark="order")] if orders else []
    return Stack([facts, tasks_grid(tasks, mark="task"), *told])


def _goal_status(goal: Goal) -> Cell:
    """Say where a goal stands, and whether somebody holds it up."""
    return Cell(f"{goal.status}, paused", WAITING) if goal.paused_at else Cell(goal.status, STATUS.get(goal.status, ""))


def _since(operator: str, at: datetime | None) -> str:
    return f"by {operator} since {moment(at)}"


def tasks_grid(tasks: Sequence[Task], mark: str = "") -> Grid:
    """List tasks."""
    rows = [
        (
            task.id,
            task.key,
            task.kind,
            Cell(task.status, STATUS.get(task.status, "")),
            str(task.attempts),
            task.goal_id,
            task.title,
            Cell(task.effect or "-", EFFECT.get(task.effect, "") if task.effect else ""),
        )
        for task in tasks
    ]
    return Grid("", _TASKS, rows, empty="no tasks", mark=mark)
