"""`chimera goals`: what was wished for, and how far it has come."""

from typing import Annotated, Any

import typer

from chimera_cli.cli.arguments import Limit
from chimera_cli.cli.command import command, group
from chimera_cli.cli.terminal import Terminal
from chimera_cli.cli.words import choice

app = group("See goals.")

SHOWN = 200
"""Tasks that are shown with a goal."""


@command(app, "list", example="chimera goals list --status ACTIVE")
def list_goals(
    terminal: Terminal,
    status: Annotated[str | None, typer.Option("--status", help="Only goals of this status.")] = None,
    limit: Limit = 50,
) -> None:
    """List goals, newest first."""
    from chimera_cli.models.goal import GoalStatus
    from chimera_cli.views.documents import goals_document
    from chimera_cli.views.plan import goals_grid

    wanted = choice(GoalStatus, status, "--status")

    async def read() -> Any:
        async with terminal.swarm() as swarm:
            return await swarm.record.goals(status=wanted, limit=limit)

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
    from chimera_cli.views.documents import goal_document, tasks_document
    from chimera_cli.views.plan import goal_page

    async def read() -> Any:
        async with terminal.swarm() as swarm:
            id = await swarm.record.resolve("goal", goal)
            return await swarm.record.goal(id), await swarm.record.tasks(goal_id=id, limit=SHOWN)

    found, tasks = terminal.run(read())
    terminal.show({**goal_document(found), **tasks_document(tasks)}, goal_page(found, tasks))
    if found.status is GoalStatus.REPLANNING:
        terminal.note("it waits for a planner: chimera plan --watch")
    if len(tasks) == SHOWN:
        terminal.note(f"{SHOWN} tasks shown, there may be more: chimera tasks list --goal {found.id} --limit 0")
