"""`chimera tasks`: the units of work."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chimera_cli.cli.arguments import As, DryRun, Handlers, Limit, OfGoal, Reason, WaitForRoom, Yes
from chimera_cli.cli.command import command, group
from chimera_cli.cli.ordering import Asked, Choice, order_tasks
from chimera_cli.cli.room import room as room_for
from chimera_cli.cli.terminal import Terminal
from chimera_cli.cli.words import choice, utc_now
from chimera_cli.exceptions import BackendUnavailable, InvalidInput

if TYPE_CHECKING:
    from chimera_cli.models.agent import FleetMember
    from chimera_cli.models.task import Task

Tasks = Annotated[
    list[str] | None, typer.Argument(metavar="[TASK...]", help="Ids, or their first 4 or more characters.")
]

BAD_ENDS = ("FAILED", "REJECTED", "CANCELLED")
"""What may be retried."""

app = group("See, add, cancel and retry tasks.")


@command(app, "list", example="chimera tasks list --status FAILED --json")
def list_tasks(
    terminal: Terminal,
    goal: OfGoal = None,
    status: Annotated[str | None, typer.Option("--status", help="Only tasks of this status.")] = None,
    limit: Limit = 50,
) -> None:
    """List tasks in the order they were submitted.

    With --status FAILED these are the dead letters.
    """
    from chimera_cli.models.task import TaskStatus
    from chimera_cli.views.documents import tasks_document
    from chimera_cli.views.plan import tasks_grid

    wanted = choice(TaskStatus, status, "--status")

    async def read() -> Any:
        async with terminal.records() as kept:
            goal_id = await kept.record.resolve("goal", goal) if goal is not None else None
            return await kept.record.tasks(goal_id=goal_id, status=wanted, limit=limit)

    tasks = terminal.run(read())
    terminal.show(tasks_document(tasks), tasks_grid(tasks))
    terminal.note_limit(len(tasks), limit)


@command(app, "show", example="chimera tasks show 9c1e")
def show_task(
    terminal: Terminal,
    task: Annotated[str, typer.Argument(help="Its id, or the first 4 or more characters.")],
) -> None:
    """Show a task with its payload, output and history."""
    from chimera_cli.models.waits import waits_of
    from chimera_cli.views.documents import orders_document, task_document
    from chimera_cli.views.task import task_page

    async def read() -> Any:
        async with terminal.records() as kept:
            found = await kept.record.task(await kept.record.resolve("task", task))
            history = await kept.record.history(goal_id=found.goal_id, task_id=found.id)
            return found, history, await kept.orders.orders(goal_id=found.goal_id, task_id=found.id)

    async def look() -> Any:
        found, history, orders = await read()
        return found, history, orders, await _fleet(terminal, found)

    found, history, orders, fleet = terminal.run(look())
    waits = waits_of(found, history, fleet)
    told = {"history": [event.model_dump(mode="json") for event in history], **orders_document(orders)}
    document = {**task_document(found), **told, **waits.flags}
    terminal.show(document, task_page(found, history, orders, waits=waits.sentences))


async def _fleet(terminal: Terminal, task: "Task") -> "list[FleetMember] | None":
    """List all agents if the task waits for one; None while Redis, where they tell of themselves, is away."""
    from chimera_cli.models.waits import AT_REST

    if task.status not in AT_REST:
        return []
    try:
        async with terminal.swarm(looks=True) as swarm:
            return await swarm.registry.fleet()
    except BackendUnavailable:
        return None


@command(app, "add", example="chimera tasks add 3f2a --file more.jsonl")
def add_tasks(
    terminal: Terminal,
    goal: Annotated[str, typer.Argument(help="The live goal's id, or the first 4 or more characters.")],
    file: Annotated[Path, typer.Option("--file", help="plan.json or tasks.jsonl.")],
    handlers: Handlers = None,
    room: WaitForRoom = False,
    timeout: Annotated[str | None, typer.Option("--timeout", help="Wait no longer than this, such as 10m.")] = None,
) -> None:
    """Add tasks to a live goal.

    A key that is there already is left as it is.
    """
    from chimera_cli.cli.plan_source import FileSource

    source = FileSource(file)
    registry = terminal.backend.registry(terminal.settings(), handlers or ())

    async def write() -> list[str]:
        async with terminal.swarm() as swarm:
            id = await swarm.record.resolve("goal", goal)
            source.check(registry.kinds(), utc_now(), known=await swarm.record.keys(id))
            found: list[str] = await room_for(terminal, swarm, room, timeout)(
                lambda: swarm.add(id, list(source.tasks()))
            )
            return found

    ids = terminal.run(write())
    terminal.show({"ids": ids}, terminal.plain(ids))


@command(app, "cancel", example='chimera tasks cancel 9c1e --reason "too dear" --yes')
def cancel(
    terminal: Terminal,
    tasks: Tasks = None,
    goal: OfGoal = None,
    status: Annotated[str | None, typer.Option("--status", help="Only tasks of this status.")] = None,
    name: As = None,
    reason: Reason = "",
    yes: Yes = False,
    dry_run: DryRun = False,
) -> int:
    """Cancel live tasks wherever they stand.

    What runs is stopped within a beat. What depends on a cancelled task is cancelled too. While Redis is away the order
    is kept, and carried out when it is back.
    """
    asked = Asked(action="cancel", name=name, reason=reason, yes=yes, dry_run=dry_run)
    chosen = Choice(ids=tasks or (), goal=goal, status=status)
    return order_tasks(terminal, chosen, asked, lambda task: not task.status.terminal, destroys=True)


@command(app, "retry", example="chimera tasks retry --status FAILED --goal 3f2a --yes")
def retry(
    terminal: Terminal,
    tasks: Tasks = None,
    goal: OfGoal = None,
    status: Annotated[str | None, typer.Option("--status", help="FAILED, REJECTED or CANCELLED.")] = None,
    with_dependents: Annotated[
        bool, typer.Option("--with-dependents", help="Also what was cancelled because of them.")
    ] = False,
    name: As = None,
    reason: Reason = "",
    yes: Yes = False,
    dry_run: DryRun = False,
) -> int:
    """Have tasks that ended badly run again.

    They were FAILED, REJECTED or CANCELLED, and begin anew. Attempts are counted afresh, and their goals are ACTIVE
    again. What was cancelled because of them stays so without --with-dependents.
    """
    if (goal is not None or status is not None) and (status or "").upper() not in BAD_ENDS:
        told = f"{status} tasks did not end badly" if status is not None else "say which ended tasks to retry"
        raise InvalidInput(told, hint=f"give --status one of: {', '.join(BAD_ENDS)}")
    asked = Asked(action="retry", name=name, reason=reason, yes=yes, dry_run=dry_run)
    chosen = Choice(ids=tasks or (), goal=goal, status=status, dependents=with_dependents)
    return order_tasks(terminal, chosen, asked, lambda task: True, destroys=False)
