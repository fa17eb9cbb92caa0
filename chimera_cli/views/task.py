"""One task on a page: what it is, where it stands, what it made, and what happened to it."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from chimera_cli.models.event import TaskEvent
from chimera_cli.models.task import Task
from chimera_cli.models.text import text_of
from chimera_cli.services.plain_text import many_lines
from chimera_cli.views.shown import Cell, Column, Facts, Grid, Shown, Stack, moment
from chimera_cli.views.theme import STATUS

_HISTORY = (
    Column("at", whole=True),
    Column("event", whole=True),
    Column("status", whole=True, spare=1),
    Column("by", spare=2),
    Column("why"),
)


class Block:
    """A text over many lines, under a heading."""

    def __init__(self, heading: str, text: str) -> None:
        self._heading = heading
        self._text = many_lines(text)

    def drawn(self) -> RenderableType:
        """Draw it."""
        return Text.assemble((self._heading, "bold"), "\n", self._text)

    def lines(self) -> list[str]:
        """Write each line behind the heading."""
        return [f"{self._heading}\t{line}" for line in self._text.split("\n")]


def task_page(task: Task, history: Sequence[TaskEvent]) -> Shown:
    """Show a task."""
    facts = Facts(
        [
            ("task", task.id),
            ("goal", task.goal_id),
            ("key", task.key),
            ("kind", task.kind),
            ("title", task.title),
            ("status", Cell(task.status, STATUS.get(task.status, ""))),
            ("phase", task.phase),
            ("attempts", f"{task.attempts} of {task.max_retries + 1}"),
            ("after", ", ".join(task.depends_on) or "-"),
            ("priority", task.priority),
            ("deadline", moment(task.deadline)),
            ("error", Cell(task.error or "-", "red" if task.error else "")),
            ("updated", moment(task.updated_at)),
        ]
    )
    parts: list[Shown] = [facts, Block("payload", text_of(task.payload))]
    if task.output is not None:
        parts.append(Block("output", text_of(task.output)))
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
