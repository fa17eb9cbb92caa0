"""`chimera outbox`: the approved posts that wait for a connector."""

from typing import Annotated, Any

import typer

from chimera_cli.cli.arguments import Limit, OfGoal
from chimera_cli.cli.command import command, group
from chimera_cli.cli.terminal import Terminal
from chimera_cli.cli.words import span

app = group("See the approved posts that wait in the outbox.")


@command(app, "list", example="chimera outbox list --since 1d --json")
def list_posts(
    terminal: Terminal,
    goal: OfGoal = None,
    since: Annotated[str | None, typer.Option("--since", help="Only the last 90s, 15m, 2h or 1d.")] = None,
    limit: Limit = 50,
) -> None:
    """List posts, oldest first.

    They are stored, not posted: there is no connector to a network yet.
    """
    from chimera_cli.views.outbox import posts_grid

    within = span(since, "--since")

    async def read() -> Any:
        async with terminal.records() as kept:
            goal_id = await kept.record.resolve("goal", goal) if goal is not None else None
            return await kept.posts.posts(goal_id=goal_id, within=within, limit=limit)

    posts = terminal.run(read())
    terminal.show({"posts": [post.model_dump(mode="json") for post in posts]}, posts_grid(posts))
    terminal.note_limit(len(posts), limit)


@command(app, "show", example="chimera outbox show 9c1e")
def show_post(
    terminal: Terminal,
    post: Annotated[str, typer.Argument(help="Its idempotency key, or the first 4 or more characters.")],
) -> None:
    """Show a post with its task and who released it."""
    from chimera_cli.views.outbox import post_page

    async def read() -> Any:
        async with terminal.records() as kept:
            return await kept.posts.post(post)

    found = terminal.run(read())
    terminal.show(found.model_dump(mode="json"), post_page(found))
