"""One task on a page: what it is, where it stands, what it made, and what happened to it."""

from collections.abc import Sequence

from chimera_cli.models.event import TaskEvent
from chimera_cli.models.order import Order
from chimera_cli.models.task import Task
from chimera_cli.views.order import orders_grid
from chimera_cli.views.review import MarkedText
from chimera_cli.views.shown import Cell, Column, Facts, Grid, Shown, Stack, moment
from chimera_cli.views.theme import EFFECT, STATUS, WAITING

_HISTORY = (
    Column("at", whole=True),
    Column("event", whole=True),
    Column("status", whole=True, spare=1),
    Column("by", spare=2),
    Column("why"),
)


def task_page(
    task: Task, history: Sequence[TaskEvent], orders: Sequence[Order] = (), *, waits: Sequence[str] = ()
) -> Shown:
    """Show a task, and what it waits for that does not come by itself."""
    facts = Facts(
        [
            ("task", task.id),
            ("goal", task.goal_id),
            ("key", task.key),
            ("kind", task.kind),
            ("title", task.title),
            ("status", Cell(task.status, STATUS.get(task.status, ""))),
            *([("effect", Cell(task.effect, EFFECT.get(task.effect, "")))] if task.effect else []),
            ("phase", task.phase),
            ("attempts", f"{task.attempts} of {task.max_retries + 1}"),
            ("after", ", ".join(task.depends_on) or "-"),
            ("priority", task.priority),
            ("deadline", moment(task.deadline)),
            ("error", Cell(task.error or "-", "red" if task.error else "")),
            ("updated", moment(task.updated_at)),
            *(("waits", Cell(sentence, WAITING)) for sentence in waits),
        ]
    )
    parts: list[Shown] = [facts, MarkedText("payload", task.payload)]
    if task.output is not None:
        parts.append(MarkedText("output", task.output))
    if orders:
        parts.append(orders_grid(orders, "Orders", mark="order"))
    return Stack([*parts, history_grid(history)])


def history_grid(history: Sequence[TaskEvent]) -> Grid:
    """List what happened, in order."""
    rows = [
        (
            moment(event.at),
            event.name,
            Cell(event.status, STATUS.get(event.status, "")),
            event.agent or "-",
            event.error or "-",
        )
        for event in history
    ]
    return Grid("History", _HISTORY, rows, empty="nothing recorded yet", mark="event")
