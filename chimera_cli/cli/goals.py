"""`chimera goals`: what was wished for, and how far it has come."""

from typing import Annotated, Any

import typer

from chimera_cli.cli.arguments import As, DryRun, Limit, Reason, Yes
from chimera_cli.cli.command import command, group
from chimera_cli.cli.ordering import Asked, open_orders, order_goals
from chimera_cli.cli.terminal import Terminal
from chimera_cli.cli.words import choice

Goals = Annotated[list[str], typer.Argument(metavar="GOAL...", help="Ids, or their first 4 or more characters.")]

app = group("See goals; pause, resume and cancel them.")

SHOWN = 200
"""Tasks that are shown with a goal."""


@command(app, "list", example="chimera goals list --status ACTIVE")
def list_goals(
    terminal: Terminal,
    status: Annotated[str | None, typer.Option("--status", help="Only goals of this status.")] = None,
    paused: Annotated[bool, typer.Option("--paused", help="Only goals that somebody paused.")] = False,
    limit: Limit = 50,
) -> None:
    """List goals, newest first."""
    from chimera_cli.models.goal import GoalStatus
    from chimera_cli.views.documents import goals_document
    from chimera_cli.views.plan import goals_grid

    wanted = choice(GoalStatus, status, "--status")

    async def read() -> Any:
        async with terminal.records() as kept:
            if paused:
                found = [goal for goal in await kept.record.paused() if wanted in (None, goal.status)]
                return found[: limit or None]
            return await kept.record.goals(status=wanted, limit=limit)

    goals = terminal.run(read())
    terminal.show(goals_document(goals), goals_grid(goals))
    terminal.note_limit(len(goals), limit)


@command(app, "show", example="chimera goals show 3f2a")
def show_goal(
    terminal: Terminal,
    goal: Annotated[str, typer.Argument(help="Its id, or the first 4 or more characters.")],
) -> None:
    """Show a goal with its tasks."""
    from chimera_cli.models.goal import GoalStatus
    from chimera_cli.views.documents import goal_document, orders_document, tasks_document
    from chimera_cli.views.plan import goal_page

    async def read() -> Any:
        async with terminal.records() as kept:
            id = await kept.record.resolve("goal", goal)
            tasks = await kept.record.tasks(goal_id=id, limit=SHOWN)
            orders = [*await kept.orders.orders(goal_id=id), *await open_orders(kept.orders, id)]
            return await kept.record.goal(id), tasks, orders

    found, tasks, orders = terminal.run(read())
    document = {**goal_document(found), **tasks_document(tasks), **orders_document(orders)}
    terminal.show(document, goal_page(found, tasks, orders))
    if found.status is GoalStatus.REPLANNING:
        terminal.note("it waits for a planner: chimera plan --watch")
    if len(tasks) == SHOWN:
        terminal.note(f"{SHOWN} tasks shown, there may be more: chimera tasks list --goal {found.id} --limit 0")


@command(app, "pause", example='chimera goals pause 3f2a --reason "wrong account"')
def pause(
    terminal: Terminal,
    goals: Goals,
    name: As = None,
    reason: Reason = "",
    yes: Yes = False,
    dry_run: DryRun = False,
) -> int:
    """Stop goals until they are resumed.

    Nothing of them starts, and what is under way is taken back at once and costs no attempt; its workers hear of it
    within a beat. Cards may be decided meanwhile; what was approved is carried out after `goals resume`. Deadlines go on
    passing.
    """
    asked = Asked(action="pause", name=name, reason=reason, yes=yes, dry_run=dry_run)
    return order_goals(terminal, goals, asked, destroys=False)


@command(app, "resume", example="chimera goals resume 3f2a")
def resume(
    terminal: Terminal,
    goals: Goals,
    name: As = None,
    reason: Reason = "",
    yes: Yes = False,
    dry_run: DryRun = False,
) -> int:
    """Let paused goals go on."""
    asked = Asked(action="resume", name=name, reason=reason, yes=yes, dry_run=dry_run)
    return order_goals(terminal, goals, asked, destroys=False)


@command(app, "cancel", example='chimera goals cancel 3f2a --reason "no longer wanted" --yes')
def cancel(
    terminal: Terminal,
    goals: Goals,
    name: As = None,
    reason: Reason = "",
    yes: Yes = False,
    dry_run: DryRun = False,
    timeout: Annotated[
        str | None,
        typer.Option("--timeout", help="See it through no longer than this, such as 1m.", show_default="10s"),
    ] = None,
) -> int:
    """End goals for good.

    Nothing of them starts from the first moment on. Their live tasks are cancelled, and nothing is replanned. Waiting cards
    expire, and late answers change nothing. At the end it says how many tasks were cancelled, how many had ended before,
    how many are not recorded as ended yet and left to housekeeping, and which effects had happened or may have.
    """
    asked = Asked(action="cancel", name=name, reason=reason, yes=yes, dry_run=dry_run)
    return order_goals(terminal, goals, asked, destroys=True, timeout=timeout)
